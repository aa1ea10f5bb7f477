/** Takes times that can be compared: repeated, interleaved, inside error scopes. */

/** Work that can be recorded again and again. */
export interface Timed {
  readonly record: (pass: GPUComputePassEncoder) => void;
  readonly dispose: () => void;
}

const ROUNDS = 3;
/** How long a sample lasts, about, so that the wait for the GPU's answer counts little. */
const SAMPLE_MS = 6;
const MAX_REPEATS = 64;
/** A variant this much slower than the best is not measured again. */
const HOPELESS = 1.5;
/** Rounds that every variant takes part in: one slow sample may be a pause of the computer. */
const SURE_ROUNDS = 2;

/** Samples in turns, so that a change of pace of the computer affects all alike. Variants that cannot win drop out. */
export async function benchmarkInterleaved(samplers: readonly Sampler[]): Promise<void> {
  for (const sampler of samplers) await sampler.calibrate();
  for (let round = 0; round < ROUNDS; round++) {
    const best = Math.min(...samplers.map(({ fastest }) => fastest));
    for (const sampler of samplers)
      if (round < SURE_ROUNDS || sampler.fastest <= best * HOPELESS) await sampler.sample();
  }
}

export class Sampler {
  private readonly samples: number[] = [];
  private repeats = 1;

  constructor(
    private readonly device: GPUDevice,
    private readonly timed: Timed,
  ) {}

  /** The median of the samples, infinite where the GPU refused them; 0 before the first. */
  get milliseconds(): number {
    const sorted = [...this.samples].sort((a, b) => a - b);
    return sorted[sorted.length >> 1] ?? 0;
  }

  /** Its best sample in milliseconds, infinite before the first. */
  get fastest(): number {
    return Math.min(...this.samples);
  }

  /** Pays for compilation that the driver has put off, then finds out how often to repeat. */
  async calibrate(): Promise<void> {
    await this.time();
    const once = await this.time();
    this.repeats = Math.max(1, Math.min(MAX_REPEATS, Math.ceil(SAMPLE_MS / once)));
  }

  async sample(): Promise<void> {
    this.samples.push(await this.time());
  }

  dispose(): void {
    this.timed.dispose();
  }

  /** Infinite where the GPU refuses the work: a refused dispatch is quick, and must not count as fast. */
  private async time(): Promise<number> {
    const { device } = this;
    device.pushErrorScope('validation');
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let r = 0; r < this.repeats; r++) this.timed.record(pass);
    pass.end();
    const commands = encoder.finish();
    const start = performance.now();
    device.queue.submit([commands]);
    const refusal = device.popErrorScope();
    await device.queue.onSubmittedWorkDone();
    const elapsed = performance.now() - start;
    return (await refusal) ? Number.POSITIVE_INFINITY : elapsed / this.repeats;
  }
}
