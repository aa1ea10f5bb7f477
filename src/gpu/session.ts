/**
 * A network on one device: weights, arena banks and the executables of the input sizes seen so far.
 *
 * When the device is lost the session is dead; `Engine` makes a new one from the packed weights.
 */
import { DisposedError } from '../core/errors.js';
import type { Precision } from '../kernels/source.js';
import type { Traits } from '../kernels/variants.js';
import type { DenseNetConfig } from '../model/config.js';
import { regionNamed } from '../plan/arena.js';
import type { NetworkPlan, PlanOptions } from '../plan/network.js';
import type { WeightLayout, WeightRange } from '../weights/pack.js';
import { allocate } from './buffers.js';
import { traitsOf } from './device.js';
import { type Banks, Executable } from './executable.js';
import { planWithin } from './limits.js';
import { type LossListener, listenForLoss } from './loss.js';
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
  /** Set once the device is gone, if that is before the session is disposed of; then `onLoss` is called. */
  lost: GPUDeviceLostInfo | null = null;
  onLoss = (): void => {};
  private readonly loss: LossListener;
  private readonly executables = new Map<string, Executable>();
  private banks: Banks | null = null;
  private readonly parts: SessionPart[] = [];
  disposed = false;

  private constructor(
    readonly device: GPUDevice,
    private readonly options: SessionOptions,
    /** For the choice of kernel variants. */
    readonly traits: Traits,
    private readonly weights: GPUBuffer,
  ) {
    this.pipelines = new PipelineCache(device, options.precision);
    this.readback = new Readback(device);
    this.loss = listenForLoss(device, (info) => {
      this.lost = info;
      this.onLoss();
    });
  }

  /** With room for the weights, which {@link upload} brings. @throws OutOfMemoryError */
  static async create(device: GPUDevice, options: SessionOptions): Promise<Session> {
    const { bytes } = options.weightLayout;
    const weights = await allocate(device, (buffer) => buffer('weights', bytes, USAGE.STORAGE | USAGE.COPY_DST));
    return new Session(device, options, traitsOf(device), weights);
  }

  /** Packed weights to the GPU; all of them, or a range that has just been packed. */
  upload({ offset, bytes }: WeightRange = { offset: 0, bytes: this.weights.size }): void {
    if (!this.disposed) this.device.queue.writeBuffer(this.weights, offset, this.options.packed, offset, bytes);
  }

  get precision(): Precision {
    return this.options.precision;
  }

  /** The executable of a batch and input size, made on first use. @throws LimitError, OutOfMemoryError, ShaderError */
  async executable(options: PlanOptions): Promise<Executable> {
    const reserved = await this.reserve(options);
    try {
      return await this.bound(reserved);
    } catch (error) {
      this.executables.delete(keyOf(options));
      throw error;
    }
  }

  /** The same with its memory alone: nothing is compiled for it yet. @throws LimitError, OutOfMemoryError */
  async reserve(options: PlanOptions): Promise<Executable> {
    if (this.disposed) throw new DisposedError('a call');
    const known = this.executables.get(keyOf(options));
    if (known) return known;
    const { config, weightLayout } = this.options;
    const made = await this.allocated(planWithin(this.device.limits, config, weightLayout, options));
    this.executables.set(keyOf(options), made);
    return made;
  }

  /** A plan over this session's buffers. It is the caller's to dispose of. @throws as {@link executable} */
  async bind(plan: NetworkPlan): Promise<Executable> {
    return this.bound(await this.allocated(plan));
  }

  /** Hands a part over: counted in `memory`, disposed of with the session. */
  adopt<T extends SessionPart>(part: T): T {
    if (this.disposed) part.dispose();
    this.parts.push(part);
    return part;
  }

  /** Where a region of an executable's plan lies on the GPU. */
  locate(executable: Executable, name: string): { buffer: GPUBuffer; offset: number; bytes: number } {
    const { bank, offset, bytes } = regionNamed(executable.plan.arena.regions, name);
    const buffer = this.banks?.[bank];
    if (!buffer) throw new DisposedError('a call');
    return { buffer, offset, bytes };
  }

  get memory(): GpuMemory {
    const executables = [...this.executables.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      weightBytes: this.weights.size,
      arenaBytes: this.banks?.reduce((sum, { size }) => sum + size, 0) ?? 0,
      otherBytes: executables + this.readback.bytes + this.parts.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  /** Each is made anew when it is next asked for. */
  forgetExecutables(): void {
    for (const executable of this.executables.values()) executable.dispose();
    this.executables.clear();
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.loss.onLost = null;
    this.dropArena();
    this.readback.dispose();
    for (const part of this.parts) part.dispose();
    this.weights.destroy();
  }

  private async allocated(plan: NetworkPlan): Promise<Executable> {
    await this.banksFor(plan);
    const made = await Executable.allocate(this.device, plan);
    if (!this.disposed) return made;
    made.dispose();
    throw new DisposedError('a call');
  }

  private async bound(executable: Executable): Promise<Executable> {
    try {
      const banks = await this.banksFor(executable.plan);
      await executable.bind(
        this.device,
        { banks, weights: this.weights, ranges: this.options.weightLayout.ranges },
        this.pipelines,
      );
      if (this.disposed) throw new DisposedError('a call');
      return executable;
    } catch (error) {
      executable.dispose();
      throw error;
    }
  }

  /** The arena's banks, grown if this plan needs more; growing retires every executable bound to the old ones. */
  private async banksFor({ arena: { bankBytes } }: NetworkPlan): Promise<Banks> {
    const [had0, had1] = this.banks?.map(({ size }) => size) ?? [];
    if (this.banks && bankBytes[0] <= (had0 ?? 0) && bankBytes[1] <= (had1 ?? 0)) return this.banks;
    const usage = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;
    const banks = await allocate(
      this.device,
      (buffer): Banks => [
        buffer('arena bank 0', Math.max(bankBytes[0], had0 ?? 0), usage),
        buffer('arena bank 1', Math.max(bankBytes[1], had1 ?? 0), usage),
      ],
    );
    this.dropArena();
    this.banks = banks;
    if (this.disposed) this.dropArena();
    return banks;
  }

  /** The banks and every executable that is bound to them. */
  private dropArena(): void {
    for (const bank of this.banks ?? []) bank.destroy();
    this.banks = null;
    this.forgetExecutables();
  }
}

const keyOf = ({ batch, inputSize, taps }: PlanOptions): string => [batch, ...inputSize, taps].join('x');
