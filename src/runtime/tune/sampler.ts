/** Taking times that can be compared: repeated, interleaved, inside error scopes. */

/** Work that can be recorded again and again. */
export interface Timed {
  readonly record: (pass: GPUComputePassEncoder) => void;
  readonly dispose: () => void;
}

const ROUNDS = 3;
/** A sample lasts about so long, so that the wait for the GPU's answer does not count much. */
const SAMPLE_MS = 6;
const MAX_REPEATS = 64;
/** What is so much slower than the best is not measured again, unless it was but once: a pause of the machine does that. */
const HOPELESS = 1.5;
const SURE = 2;

/** Takes turns, so that a change of the machine's pace meets all alike; those that cannot win any more drop out. */
export async function compete(trials: readonly Trial[]): Promise<void> {
  for (const trial of trials) await trial.calibrate();
  for (let round = 0; round < ROUNDS; round++) {
    const best = Math.min(...trials.map(({ fastest }) => fastest));
    for (const trial of trials) if (round < SURE || trial.fastest <= best * HOPELESS) await trial.sample();
  }
}

export class Trial {
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

  /** A dispatch that the GPU refuses is quick; it must not count as fast. */
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
