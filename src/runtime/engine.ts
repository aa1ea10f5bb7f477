/**
 * Serialises the calls of one network. Reopens it on a new device after device loss, and in f32 after an f16 overflow
 * where the caller left the precision open.
 */
import {
  AbortedError,
  DeviceLostError,
  DisposedError,
  LimitError,
  PrecisionOverflowError,
  QueueFullError,
  TimeoutError,
} from '../core/errors.js';
import { withAbort, withTimeout } from '../core/timeout.js';
import { type AdapterReport, adapterReport } from '../gpu/device.js';
import type { Executable } from '../gpu/executable.js';
import { planWithin } from '../gpu/limits.js';
import { isLoss, lostError } from '../gpu/loss.js';
import { type OpeningOptions, openSession } from '../gpu/opening.js';
import type { Session } from '../gpu/session.js';
import type { Precision } from '../kernels/machines.js';
import type { TunedVariants } from '../kernels/variants.js';
import type { Activation, DenseNetConfig } from '../model/config.js';
import type { Size } from '../model/layers.js';
import type { PlanOptions } from '../plan/network.js';
import type { PackedWeights } from '../weights/pack.js';
import { type Call, type Job, submit } from './job.js';

export interface EngineOptions extends OpeningOptions {
  readonly activation: Activation;
  /** The shared weights, as `weightLayout` says; kept for new devices and for files. */
  readonly packed: ArrayBuffer;
  /** Measured kernel variants. */
  readonly tuned?: TunedVariants;
  /** Whether f32 may replace f16. */
  readonly isAuto: boolean;
  /** Called for what went wrong and was repaired. */
  readonly onWarning: (warning: DeviceLostError | PrecisionOverflowError) => void;
}

type Shape = Pick<PlanOptions, 'batch' | 'inputSize' | 'taps'>;

/** A submitted call. Wrapped in an object so that the queue's `await` does not await the result too. */
interface InFlightCall<T> {
  readonly result: T | Promise<T>;
}

/** Calls that may be waiting; one more is refused. */
const MAX_CALLS = 1024;
/** Submitted calls whose results have not come yet; the next waits. */
const MAX_IN_FLIGHT = 4;
/** How often a call is tried again after a loss. */
const MAX_RECOVERIES = 2;
/** Pauses before asking again for an adapter after a loss. */
const RECOVERY_PAUSES_MS = [0, 200, 1000];

export class Engine {
  private disposed = false;
  private calls = 0;
  private queue: Promise<unknown> = Promise.resolve();
  /** Submitted calls, oldest first; none of these promises rejects. */
  private readonly inFlight: Promise<unknown>[] = [];
  private current: Session;
  /** Set while a new session opens: all calls wait for the same one. */
  private opening: Promise<Session> | null = null;

  private constructor(
    private options: EngineOptions,
    session: Session,
  ) {
    this.current = this.attach(session);
  }

  /**
   * With the memory for the first batch and input size. The weights are yet to be packed and uploaded.
   *
   * @throws as `openSession`; OutOfMemoryError, LimitError
   */
  static async create(options: EngineOptions): Promise<Engine> {
    const session = await openSession(options);
    const engine = new Engine(options, session);
    try {
      await engine.withGpuTimeout(session, session.reserve(engine.planOptions(session, options)));
      return engine;
    } catch (error) {
      engine.dispose();
      throw error;
    }
  }

  get session(): Session {
    return this.current;
  }

  get adapter(): AdapterReport {
    return adapterReport(this.current.device);
  }

  get precision(): Precision {
    return this.options.precision;
  }

  /** Whether f32 may replace f16. */
  get isAuto(): boolean {
    return this.options.isAuto;
  }

  /** Whether the device was opened here, so that it can be replaced. */
  get hasOwnDevice(): boolean {
    return !this.options.device;
  }

  /**
   * Submits a job and waits for its answer. Jobs run in the order in which they are asked for.
   *
   * @throws DisposedError, QueueFullError, AbortedError as soon as the signal fires, TimeoutError, RefusedError,
   * DeviceLostError after the allowed recoveries, and what the job's feed and answer throw
   */
  async run<T>(job: Job<T>): Promise<T> {
    try {
      return await this.call(job, (session) => this.start(session, job));
    } finally {
      job.release?.();
    }
  }

  /** Work with the executable of a batch and input size, while no job is submitted. @throws as `run` */
  prepare<T>(call: Call & Shape, work: (session: Session, executable: Promise<Executable>) => Promise<T>): Promise<T> {
    return this.call(call, async (session) => ({
      result: await this.withGpuTimeout(session, work(session, this.executable(session, call))),
    }));
  }

  /** Adds to the chosen kernel variants, for sessions to come, too. While no job is under way. */
  choose(tuned: TunedVariants): void {
    this.options = { ...this.options, tuned: new Map([...(this.options.tuned ?? []), ...tuned]) };
    this.current.forgetExecutables();
  }

  dispose(): void {
    this.disposed = true;
    this.current.dispose();
  }

  /**
   * Another network on the same weights and device, with a head of its own. Disposing of either leaves the other working.
   *
   * @throws DisposedError, OutOfMemoryError, LimitError
   */
  async withHead(config: DenseNetConfig, ownHead: PackedWeights, activation: Activation): Promise<Engine> {
    this.check({ what: 'train' });
    return Engine.create({ ...this.options, config, ownHead, activation });
  }

  /** The packed weights, for files. @throws DisposedError */
  weightsFor(what: string): Pick<EngineOptions, 'packed' | 'weightLayout' | 'ownHead'> {
    this.check({ what });
    return this.options;
  }

  /** The largest batch, up to `wanted`, that the device has room for. @throws LimitError when not even one image fits */
  fittingBatch(inputSize: Size, wanted: number): number {
    const { current, options } = this;
    try {
      planWithin(
        current.device.limits,
        options.config,
        options.weightLayout,
        this.planOptions(current, { batch: wanted, inputSize }),
      );
      return wanted;
    } catch (error) {
      if (error instanceof LimitError && error.largestBatch) return error.largestBatch;
      throw error;
    }
  }

  private async call<T>(call: Call, start: (session: Session) => Promise<InFlightCall<T>>): Promise<T> {
    this.check(call);
    if (this.calls === MAX_CALLS) throw new QueueFullError(call.what, MAX_CALLS);
    this.calls++;
    try {
      return await withAbort(call.signal, `${call.what}()`, this.attempt(call, start, MAX_RECOVERIES));
    } finally {
      this.calls--;
    }
  }

  /** Feeds and submits a job. */
  private async start<T>(session: Session, job: Job<T>): Promise<InFlightCall<T>> {
    const executable = await this.executable(session, job);
    if (this.inFlight.length === MAX_IN_FLIGHT) await this.inFlight.shift();
    const feeding = job.feed(session, executable);
    const input = await withTimeout(this.options.timeout, 'an image decoder', feeding, (late) => late.release?.());
    try {
      this.check(job);
      const reading = this.withGpuTimeout(session, submit(session, executable, job, input));
      const isReadBack = job.outputs(executable).length > 0;
      const finished = isReadBack ? reading : this.withGpuTimeout(session, session.readback.idle());
      this.inFlight.push(finished.catch(() => {}));
      return { result: reading.then((outputs) => job.answer(executable, outputs)) };
    } finally {
      input.release?.();
    }
  }

  private async attempt<T>(
    call: Call,
    start: (session: Session) => Promise<InFlightCall<T>>,
    retries: number,
  ): Promise<T> {
    let session = this.current;
    try {
      session = await this.ensureSession();
      const submitted = await this.inTurn(async () => {
        this.check(call);
        if (session.lost) throw session.lost;
        return start(session);
      });
      const result = await submitted.result;
      this.check(call);
      return result;
    } catch (cause) {
      this.check(call);
      const isLost = await isLoss(session, cause);
      const isRepaired = isLost ? !this.options.device : session.disposed || this.fallBackToF32(session, cause);
      if (isRepaired && retries > 0 && !(cause instanceof DeviceLostError))
        return this.attempt(call, start, retries - 1);
      throw isLost ? lostError(session, ` during ${call.what}`, cause) : cause;
    }
  }

  private check({ what, signal }: Call): void {
    if (this.disposed) throw new DisposedError(`${what}()`);
    if (signal?.aborted) throw new AbortedError(`${what}()`, { cause: signal.reason });
  }

  /** Jobs share the arena, so they are fed and submitted one after another; their readbacks overlap. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work);
    this.queue = result.catch(() => {});
    return result;
  }

  private executable(session: Session, call: Shape): Promise<Executable> {
    return this.withGpuTimeout(session, session.executable(this.planOptions(session, call)));
  }

  private planOptions({ caps, precision }: Session, { batch, inputSize, taps = false }: Shape): PlanOptions {
    const { activation, tuned } = this.options;
    return { batch, inputSize, ...precision, caps, tuned, activation, taps };
  }

  /** Waits for the GPU. Destroys a device of our own that does not answer, so that the next call opens another. */
  private async withGpuTimeout<T>(session: Session, work: Promise<T>): Promise<T> {
    try {
      return await withTimeout(this.options.timeout, 'the GPU', work);
    } catch (error) {
      if (error instanceof TimeoutError && !this.options.device) session.device.destroy();
      throw error;
    }
  }

  /** Switches to f32 after an overflow of f16, where the precision is `auto`. Returns whether a retry makes sense. */
  private fallBackToF32(session: Session, cause: unknown): boolean {
    const { precision, isAuto, onWarning } = this.options;
    if (!isAuto || session.precision.activations === 'f32' || !(cause instanceof PrecisionOverflowError)) return false;
    if (session.precision === precision) {
      this.options = { ...this.options, precision: { ...precision, activations: 'f32' } };
      onWarning(new PrecisionOverflowError('a value left the range of f16: the network goes on in f32', { cause }));
    }
    return true;
  }

  /** The session; a new one when the device is lost or the wanted precision has changed. */
  private async ensureSession(): Promise<Session> {
    const { current, options } = this;
    if (current.precision === options.precision && (!current.lost || options.device)) return current;
    this.opening ??= this.reopen(options).finally(() => {
      this.opening = null;
    });
    return this.opening;
  }

  private async reopen(options: EngineOptions): Promise<Session> {
    const old = this.current;
    old.dispose();
    let failure: unknown;
    for (const pause of RECOVERY_PAUSES_MS) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (this.disposed) break;
      try {
        this.current = this.attach(await openSession(options));
        return this.current;
      } catch (error) {
        failure = error;
      }
    }
    throw old.lost ? lostError(old, ' during recovering', failure) : failure;
  }

  private attach(session: Session): Session {
    if (this.disposed) session.dispose();
    session.onLoss = () => this.options.onWarning(lostError(session, ''));
    return session;
  }
}
