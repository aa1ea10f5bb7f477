/**
 * A network on one device: weights, arena banks and the executables of the input sizes seen so far.
 *
 * When the device is lost the session is dead; `DenseNet` makes a new one from the packed weights.
 */
import { DisposedError } from '../errors.js';
import type { DenseNetConfig } from '../model/config.js';
import type { NetworkPlan, PlanOptions } from '../plan/network.js';
import { planNetwork } from '../plan/network.js';
import type { Precision } from '../plan/source.js';
import type { WeightLayout } from '../weights/pack.js';
import { allocate, checkLimit } from './buffers.js';
import { Executable } from './executable.js';
import { PipelineCache } from './pipelines.js';
import { Readback } from './readback.js';
import { USAGE } from './usage.js';

export interface SessionOptions {
  readonly config: DenseNetConfig;
  readonly precision: Precision;
  readonly weightLayout: WeightLayout;
  readonly packed: ArrayBuffer;
}

/** Something with GPU memory of its own that lives as long as the session. */
export interface SessionPart {
  readonly bytes: number;
  dispose(): void;
}

export interface GpuMemory {
  readonly weightBytes: number;
  readonly arenaBytes: number;
  /** Step parameters, input tensors and staging. */
  readonly otherBytes: number;
}

export class Session {
  readonly pipelines: PipelineCache;
  readonly readback: Readback;
  /** Set once the device is gone. */
  lost: GPUDeviceLostInfo | null = null;
  private readonly executables = new Map<string, Executable>();
  private banks: [GPUBuffer, GPUBuffer] | null = null;
  private readonly parts: SessionPart[] = [];
  private disposed = false;

  private constructor(
    readonly device: GPUDevice,
    private readonly options: SessionOptions,
    private readonly weights: GPUBuffer,
  ) {
    this.pipelines = new PipelineCache(device, options.precision);
    this.readback = new Readback(device);
    device.lost.then((info) => {
      this.lost = info;
    });
  }

  /** Uploads the weights. @throws OutOfMemoryError, LimitError */
  static async create(device: GPUDevice, options: SessionOptions): Promise<Session> {
    const [weights] = await allocate(device, [
      { label: 'weights', size: options.packed.byteLength, usage: USAGE.STORAGE | USAGE.COPY_DST },
    ]);
    if (!weights) throw new RangeError('allocate() returns a buffer per request');
    device.queue.writeBuffer(weights, 0, options.packed);
    return new Session(device, options, weights);
  }

  /** The executable of a batch and input size, made on first use. @throws LimitError, OutOfMemoryError, ShaderError */
  async executable(options: PlanOptions): Promise<Executable> {
    const key = [options.batch, ...options.inputSize, options.taps].join('x');
    const known = this.executables.get(key);
    if (known) return known;
    const made = await this.bind(planNetwork(this.options.config, options));
    this.executables.set(key, made);
    return made;
  }

  /** A plan over this session's buffers. It is the caller's to dispose of. @throws as {@link executable} */
  async bind(plan: NetworkPlan): Promise<Executable> {
    const banks = await this.banksFor(plan);
    const { weightLayout } = this.options;
    const made = await Executable.create(
      this.device,
      plan,
      { banks, weights: this.weights, weightLayout },
      this.pipelines,
    );
    if (!this.disposed) return made;
    made.dispose();
    throw new DisposedError('a call');
  }

  /** Hands a part over: counted in `memory`, disposed of with the session. */
  adopt<T extends SessionPart>(part: T): T {
    if (this.disposed) part.dispose();
    this.parts.push(part);
    return part;
  }

  /** Where a region of an executable's plan lies on the GPU. */
  locate(executable: Executable, name: string): { buffer: GPUBuffer; offset: number; bytes: number } {
    const region = executable.plan.arena.regions.find((candidate) => candidate.name === name);
    const buffer = region && this.banks?.[region.bank];
    if (!region || !buffer) throw new RangeError(`the arena has no region "${name}"`);
    return { buffer, offset: region.offset, bytes: region.bytes };
  }

  get memory(): GpuMemory {
    const [a, b] = this.banks ?? [];
    const executables = [...this.executables.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      weightBytes: this.weights.size,
      arenaBytes: (a?.size ?? 0) + (b?.size ?? 0),
      otherBytes: executables + this.readback.bytes + this.parts.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.dropExecutables();
    this.readback.dispose();
    for (const part of this.parts) part.dispose();
    this.weights.destroy();
    for (const bank of this.banks ?? []) bank.destroy();
    this.banks = null;
  }

  /** The arena's banks, grown if this plan needs more; growing retires every executable bound to the old ones. */
  private async banksFor(plan: NetworkPlan): Promise<[GPUBuffer, GPUBuffer]> {
    const needed = plan.arena.bankBytes;
    if (this.banks && this.banks[0].size >= needed[0] && this.banks[1].size >= needed[1]) return this.banks;
    for (const { name, bytes } of plan.arena.regions) {
      checkLimit(this.device, 'maxStorageBufferBindingSize', bytes, `the region ${name} of the arena is`);
    }
    const usage = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;
    const size = (bank: 0 | 1) => Math.max(needed[bank], this.banks?.[bank].size ?? 0);
    const [a, b] = await allocate(this.device, [
      { label: 'arena bank 0', size: size(0), usage },
      { label: 'arena bank 1', size: size(1), usage },
    ]);
    if (!a || !b) throw new RangeError('allocate() returns a buffer per request');
    if (this.disposed) {
      for (const bank of [a, b]) bank.destroy();
      throw new DisposedError('a call');
    }
    for (const bank of this.banks ?? []) bank.destroy();
    this.dropExecutables();
    this.banks = [a, b];
    return this.banks;
  }

  private dropExecutables(): void {
    for (const executable of this.executables.values()) executable.dispose();
    this.executables.clear();
  }
}
