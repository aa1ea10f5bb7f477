/**
 * A network on one device: its hold on the weights, arena banks and the executables of the input sizes seen so far.
 *
 * When the device is lost the session is dead; `Engine` makes a new one from the packed weights.
 */
import { assertDefined } from '../core/assert.js';
import { DisposedError } from '../core/errors.js';
import type { AdapterCaps, Precision } from '../kernels/machines.js';
import type { DenseNetConfig } from '../model/config.js';
import { regionNamed } from '../plan/arena.js';
import type { NetworkPlan, PlanOptions } from '../plan/network.js';
import type { PackedWeights, WeightLayout, WeightRange } from '../weights/pack.js';
import { capsOf } from './device.js';
import { type Banks, Executable } from './executable.js';
import { planWithin } from './limits.js';
import { type LossListener, listenForLoss } from './loss.js';
import type { PipelineCache } from './pipelines.js';
import { Readback } from './readback.js';
import { Resources } from './resources.js';
import type { SharedWeights } from './shared-weights.js';
import { USAGE } from './usage.js';

export interface SessionOptions {
  readonly config: DenseNetConfig;
  readonly precision: Precision;
  /** Where the tensors lie in the shared weights. */
  readonly weightLayout: WeightLayout;
  /** A head of the network's own, used instead of the one in the shared weights. */
  readonly ownHead: PackedWeights | null;
}

export interface GpuMemory {
  /** Those that the network shares with others included. */
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
    private readonly weights: SharedWeights,
    private readonly options: SessionOptions,
    /** For the choice of kernel variants. */
    readonly caps: AdapterCaps,
    /** All GPU memory of the session, without the shared weights. */
    readonly resources: Resources,
    private readonly ownHead: GPUBuffer | null,
  ) {
    const { device } = weights;
    this.pipelines = weights.pipelines(options.precision);
    this.readback = new Readback(resources);
    this.loss = listenForLoss(device, (info) => {
      this.lost = info;
      this.onLoss();
    });
  }

  /**
   * @param weights held for the session, which releases them; they are yet to be uploaded where the device is the first
   * @throws OutOfMemoryError; the weights are released then
   */
  static async create(weights: SharedWeights, options: SessionOptions): Promise<Session> {
    const { device } = weights;
    const resources = new Resources(device);
    try {
      const head = options.ownHead && (await uploadHead(resources, options.ownHead));
      return new Session(weights, options, capsOf(device), resources, head);
    } catch (error) {
      weights.release();
      throw error;
    }
  }

  get device(): GPUDevice {
    return this.weights.device;
  }

  /** Packed weights to the GPU; all of them, or a range that has just been packed. */
  upload(range?: WeightRange): void {
    if (!this.disposed) this.weights.upload(range);
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
    const headBytes = this.ownHead?.size ?? 0;
    const arenaBytes = this.banks?.reduce((sum, { size }) => sum + size, 0) ?? 0;
    const otherBytes = this.resources.bytes - headBytes - arenaBytes;
    return { weightBytes: this.weights.buffer.size + headBytes, arenaBytes, otherBytes };
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
    this.weights.release();
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
      const weightsOf = (name: string) => this.weightsOf(name);
      await executable.bind(this.device, { banks, weightsOf }, this.pipelines);
      if (this.disposed) throw new DisposedError('a call');
      return executable;
    } catch (error) {
      executable.dispose();
      throw error;
    }
  }

  private weightsOf(name: string): GPUBufferBinding {
    const { ownHead, weightLayout } = this.options;
    const own = ownHead?.layout.ranges.get(name);
    if (own && this.ownHead) return { buffer: this.ownHead, offset: own.offset, size: own.bytes };
    const { offset, bytes } = assertDefined(weightLayout.ranges.get(name), name);
    return { buffer: this.weights.buffer, offset, size: bytes };
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

async function uploadHead(resources: Resources, { packed }: PackedWeights): Promise<GPUBuffer> {
  const usage = USAGE.STORAGE | USAGE.COPY_DST;
  const { made, ready } = resources.allocate(() => resources.buffer('head', packed.byteLength, usage));
  await ready;
  resources.device.queue.writeBuffer(made, 0, packed);
  return made;
}

const keyOf = ({ batch, inputSize, taps }: PlanOptions): string => [batch, ...inputSize, taps].join('x');
