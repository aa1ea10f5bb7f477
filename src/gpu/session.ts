/**
 * A network on one device: weights, arena banks and the executables of the input sizes seen so far.
 *
 * When the device is lost the session is dead; `Engine` makes a new one from the packed weights.
 */
import { DisposedError } from '../core/errors.js';
import type { AdapterCaps, Precision } from '../kernels/machines.js';
import type { DenseNetConfig } from '../model/config.js';
import { regionNamed } from '../plan/arena.js';
import type { NetworkPlan, PlanOptions } from '../plan/network.js';
import type { WeightLayout, WeightRange } from '../weights/pack.js';
import { capsOf } from './device.js';
import { type Banks, Executable } from './executable.js';
import { planWithin } from './limits.js';
import { type LossListener, listenForLoss } from './loss.js';
import { PipelineCache } from './pipelines.js';
import { Readback } from './readback.js';
import { Resources } from './resources.js';
import { USAGE } from './usage.js';

export interface SessionOptions {
  readonly config: DenseNetConfig;
  readonly precision: Precision;
  readonly weightLayout: WeightLayout;
  readonly packed: ArrayBuffer;
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
  disposed = false;

  private constructor(
    readonly device: GPUDevice,
    private readonly options: SessionOptions,
    /** For the choice of kernel variants. */
    readonly caps: AdapterCaps,
    /** All GPU memory of the session. */
    readonly resources: Resources,
    private readonly weights: GPUBuffer,
  ) {
    this.pipelines = new PipelineCache(device, options.precision);
    this.readback = new Readback(resources);
    this.loss = listenForLoss(device, (info) => {
      this.lost = info;
      this.onLoss();
    });
  }

  /** With room for the weights, which {@link upload} brings. @throws OutOfMemoryError */
  static async create(device: GPUDevice, options: SessionOptions): Promise<Session> {
    const { bytes } = options.weightLayout;
    const resources = new Resources(device);
    const usage = USAGE.STORAGE | USAGE.COPY_DST;
    const { made, ready } = resources.allocate(() => resources.buffer('weights', bytes, usage));
    await ready;
    return new Session(device, options, capsOf(device), resources, made);
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

  /** Where a region of an executable's plan lies on the GPU. */
  locate(executable: Executable, name: string): { buffer: GPUBuffer; offset: number; bytes: number } {
    const { bank, offset, bytes } = regionNamed(executable.plan.arena.regions, name);
    const buffer = this.banks?.[bank];
    if (!buffer) throw new DisposedError('a call');
    return { buffer, offset, bytes };
  }

  /** All zero once the session is disposed of. */
  get memory(): GpuMemory {
    if (this.disposed) return { weightBytes: 0, arenaBytes: 0, otherBytes: 0 };
    const weightBytes = this.weights.size;
    const arenaBytes = this.banks?.reduce((sum, { size }) => sum + size, 0) ?? 0;
    return { weightBytes, arenaBytes, otherBytes: this.resources.bytes - weightBytes - arenaBytes };
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
    this.resources.destroy();
    this.banks = null;
    this.executables.clear();
  }

  private async allocated(plan: NetworkPlan): Promise<Executable> {
    await this.banksFor(plan);
    return Executable.allocate(this.resources, plan);
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
    const { made, ready } = this.resources.allocate(
      (): Banks => [
        this.resources.buffer('arena bank 0', Math.max(bankBytes[0], had0 ?? 0), usage),
        this.resources.buffer('arena bank 1', Math.max(bankBytes[1], had1 ?? 0), usage),
      ],
    );
    await ready;
    this.dropArena();
    this.banks = made;
    return made;
  }

  /** The banks and every executable that is bound to them. */
  private dropArena(): void {
    this.resources.release(this.banks ?? []);
    this.banks = null;
    this.forgetExecutables();
  }
}

const keyOf = ({ batch, inputSize, taps }: PlanOptions): string => [batch, ...inputSize, taps].join('x');
