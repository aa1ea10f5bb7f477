/**
 * The calls of one network, in turn; and its return on a new device when the old one is lost, or in f32 when f16 cannot
 * hold its values.
 */

import {
  AbortedError,
  DeviceLostError,
  DisposedError,
  PrecisionOverflowError,
  QueueFullError,
  TimeoutError,
} from '../core/errors.js';
import { unlessAborted, within } from '../core/timeout.js';
import { type AdapterReport, adapterReport } from '../gpu/device.js';
import type { Executable } from '../gpu/executable.js';
import { isLoss, lostError } from '../gpu/loss.js';
import { closeSession, type OpeningOptions, openSession } from '../gpu/opening.js';
import type { Session } from '../gpu/session.js';
import type { Precision } from '../kernels/source.js';
import type { TunedVariants } from '../kernels/variants.js';
import type { PlanOptions } from '../plan/network.js';
import { type Call, type Job, submit } from './job.js';

export interface EngineOptions extends OpeningOptions {
  readonly sigmoid: boolean;
  /** Measured kernel variants. */
  readonly tuned?: TunedVariants;
  /** Whether f32 may take the place of f16. */
  readonly isAuto: boolean;
  /** Told of what went wrong and was mended. */
  readonly onWarning: (warning: DeviceLostError | PrecisionOverflowError) => void;
}

type Shape = Pick<PlanOptions, 'batch' | 'inputSize' | 'taps'>;

/** A call's work when its turn is over; boxed, since a promise of a promise would be awaited in the turn. */
interface Flight<T> {
  readonly landing: T | Promise<T>;
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
  private turn: Promise<unknown> = Promise.resolve();
  /** Oldest first; none of them rejects. */
  private readonly flights: Promise<unknown>[] = [];
  private current: Session;
  /** While the network is on its way to a new session: all calls wait for the same. */
  private opening: Promise<Session> | null = null;

  private constructor(
    private options: EngineOptions,
    session: Session,
  ) {
    this.current = this.adopt(session);
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
      await engine.answered(session, session.reserve(engine.planOptions(session, options)));
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

  /**
   * Submits a job and waits for its answer. Jobs run in the order in which they are asked for, also when what makes one is
   * still on its way.
   *
   * @throws DisposedError, QueueFullError, AbortedError as soon as the signal fires, TimeoutError, RefusedError,
   * DeviceLostError after the allowed recoveries, and what the feed, the job's making and the answer throw
   */
  run<T>(call: Call, asked: Job<T> | Promise<Job<T>>): Promise<T> {
    const made = Promise.resolve(asked);
    made.catch(() => {}); // a call may end before it is waited for
    return this.call(call, async (session) => {
      const job = await within(this.options.timeout, 'a file of the library', made);
      const executable = await this.executable(session, job);
      if (this.flights.length === MAX_IN_FLIGHT) await this.flights.shift();
      const feeding = job.feed(session, executable);
      const input = await within(this.options.timeout, 'a picture', feeding, (late) => late.release?.());
      try {
        this.check(job);
        const reading = this.answered(session, submit(session, executable, job, input));
        this.flights.push(reading.catch(() => {}));
        return { landing: reading.then((outputs) => job.answer(executable, outputs)) };
      } finally {
        input.release?.();
      }
    });
  }

  /** Work with the executable of a batch and input size, while no job is submitted. @throws as `run` */
  prepare<T>(call: Call & Shape, work: (session: Session, executable: Promise<Executable>) => Promise<T>): Promise<T> {
    return this.call(call, async (session) => ({
      landing: await this.answered(session, work(session, this.executable(session, call))),
    }));
  }

  /** Adds to the chosen kernel variants, for sessions to come, too. While no job is under way. */
  choose(tuned: TunedVariants): void {
    this.options = { ...this.options, tuned: new Map([...(this.options.tuned ?? []), ...tuned]) };
    this.current.forgetExecutables();
  }

  dispose(): void {
    this.disposed = true;
    closeSession(this.current, this.options);
  }

  private async call<T>(call: Call, start: (session: Session) => Promise<Flight<T>>): Promise<T> {
    this.check(call);
    if (this.calls === MAX_CALLS) throw new QueueFullError(call.what, MAX_CALLS);
    this.calls++;
    const work = this.attempt(call, start, MAX_RECOVERIES).finally(() => {
      this.calls--;
    });
    return unlessAborted(call.signal, `${call.what}()`, work);
  }

  private async attempt<T>(call: Call, start: (session: Session) => Promise<Flight<T>>, retries: number): Promise<T> {
    let session = this.current;
    try {
      session = await this.usable();
      const { landing } = await this.inTurn(async () => {
        this.check(call);
        if (session.lost) throw session.lost;
        return start(session);
      });
      const result = await landing;
      this.check(call);
      return result;
    } catch (cause) {
      this.check(call);
      const isLost = await isLoss(session, cause);
      const isMended = isLost ? !this.options.device : session.disposed || this.widens(session, cause);
      if (isMended && retries > 0 && !(cause instanceof DeviceLostError)) return this.attempt(call, start, retries - 1);
      throw isLost ? lostError(session, ` during ${call.what}`, cause) : cause;
    }
  }

  private check({ what, signal }: Call): void {
    if (this.disposed) throw new DisposedError(`${what}()`);
    if (signal?.aborted) throw new AbortedError(`${what}()`, { cause: signal.reason });
  }

  /** Jobs share the arena, so they are fed and submitted one after the other; their readbacks overlap. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => {});
    return result;
  }

  private executable(session: Session, call: Shape): Promise<Executable> {
    return this.answered(session, session.executable(this.planOptions(session, call)));
  }

  private planOptions({ traits: adapter, precision }: Session, { batch, inputSize, taps = false }: Shape): PlanOptions {
    const { sigmoid, tuned } = this.options;
    const { activations } = precision;
    const traits = { ...adapter, halves: activations === 'f16' };
    return { batch, inputSize, activations, traits, tuned, sigmoid, taps };
  }

  /** A wait for the GPU. A device of our own that does not answer is given up, so that the next call gets another. */
  private async answered<T>(session: Session, work: Promise<T>): Promise<T> {
    try {
      return await within(this.options.timeout, 'the GPU', work);
    } catch (error) {
      if (error instanceof TimeoutError && !this.options.device) session.device.destroy();
      throw error;
    }
  }

  /** Whether f32 may hold what f16 could not; the next session is in f32 then. */
  private widens(session: Session, cause: unknown): boolean {
    const { precision, isAuto, onWarning } = this.options;
    if (!isAuto || session.precision.activations === 'f32' || !(cause instanceof PrecisionOverflowError)) return false;
    if (session.precision === precision) {
      this.options = { ...this.options, precision: { ...precision, activations: 'f32' } };
      onWarning(new PrecisionOverflowError('a value left the range of f16: the network goes on in f32', { cause }));
    }
    return true;
  }

  /** The session; a new one when its device is lost, or when it is not in the wanted precision. */
  private async usable(): Promise<Session> {
    const { current, options } = this;
    if (current.precision === options.precision && (!current.lost || options.device)) return current;
    this.opening ??= this.reopen(options).finally(() => {
      this.opening = null;
    });
    return this.opening;
  }

  private async reopen(options: EngineOptions): Promise<Session> {
    const old = this.current;
    closeSession(old, options);
    let failure: unknown;
    for (const pause of RECOVERY_PAUSES_MS) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (this.disposed) break;
      try {
        this.current = this.adopt(await openSession(options));
        this.current.upload();
        return this.current;
      } catch (error) {
        failure = error;
      }
    }
    throw old.lost ? lostError(old, ' during recovering', failure) : failure;
  }

  private adopt(session: Session): Session {
    if (this.disposed) closeSession(session, this.options);
    session.onLoss = () => this.options.onWarning(lostError(session, ''));
    return session;
  }
}
