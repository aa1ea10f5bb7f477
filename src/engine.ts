/**
 * Runs jobs of one network on a GPU: one command buffer, one submit and one readback each; and brings the network back
 * on a new device when the old one is lost.
 */
import { AbortedError, DeviceLostError, DisposedError, RefusedError } from './errors.js';
import { type AdapterReport, adapterReport, requestAdapter, requestDevice, traitsOf } from './gpu/device.js';
import type { Executable } from './gpu/executable.js';
import { Session, type SessionOptions } from './gpu/session.js';
import type { Size } from './model/layers.js';
import type { PlanOptions } from './plan/network.js';
import type { Stage } from './plan/step.js';

/** What to run. */
export interface Job {
  /** For error messages: the public method. */
  readonly what: string;
  readonly batch: number;
  readonly inputSize: Size;
  /** Compute passes, in order; `before` records what must happen between the previous pass and this one. */
  readonly passes: readonly JobPass[];
  readonly taps?: boolean;
  /** Regions to read back, in order. */
  readonly outputs: (executable: Executable) => readonly string[];
  /** Brings the input: writes buffers now, returns what must be recorded before the network. */
  readonly feed: (session: Session, executable: Executable) => Promise<Recorder>;
  readonly signal?: AbortSignal | undefined;
}

/** Records the input's work ahead of the network's first step. `release` is called once, whatever happened. */
export interface Recorder {
  readonly release?: () => void;
  readonly copies?: (encoder: GPUCommandEncoder) => void;
  readonly dispatches?: (pass: GPUComputePassEncoder) => void;
}

export interface JobPass {
  readonly stages: ReadonlySet<Stage>;
  readonly before?: (encoder: GPUCommandEncoder, session: Session, executable: Executable) => void;
}

export interface EngineOptions extends SessionOptions {
  readonly gpu: GPU | undefined;
  /** The caller's device; used as it is and never replaced. */
  readonly device: GPUDevice | undefined;
  readonly sigmoid: boolean;
}

/** How often a call is tried again after a device loss. */
const MAX_RECOVERIES = 2;
/** How long after a failed GPU call the news of a device loss may take. */
const LOSS_NEWS_MS = 250;
/** Pauses before asking again for an adapter after a loss. */
const RECOVERY_PAUSES_MS = [0, 200, 1000];

export class Engine {
  private disposed = false;
  private tail: Promise<unknown> = Promise.resolve();
  private opening: Promise<Session> | null = null;

  private constructor(
    private readonly options: EngineOptions,
    private current: Session,
  ) {}

  static async create(options: EngineOptions): Promise<Engine> {
    return new Engine(options, await openSession(options));
  }

  get session(): Session {
    return this.current;
  }

  get adapter(): AdapterReport {
    return adapterReport(this.current.device);
  }

  /** Compiles everything for a batch and input size. */
  async prepare(batch: number, inputSize: Size): Promise<Executable> {
    return this.locked(async () => (await this.usable()).executable(this.planOptions({ batch, inputSize })));
  }

  /**
   * One pass of a job.
   *
   * @returns the bytes of each output region
   * @throws DisposedError, AbortedError, DeviceLostError after the allowed recoveries, and what the feed throws
   */
  async run(job: Job): Promise<{ results: Uint8Array[]; executable: Executable }> {
    for (let attempt = 0; ; attempt++) {
      this.check(job);
      const session = await this.usable();
      try {
        const { read, executable } = await this.locked(() => this.submit(session, job));
        const results = await read();
        this.check(job);
        return { results, executable };
      } catch (cause) {
        this.check(job);
        if (!(await isLost(session))) throw cause;
        if (attempt >= MAX_RECOVERIES || this.options.device) throw lostError(session, job.what, cause);
      }
    }
  }

  dispose(): void {
    this.disposed = true;
    this.current.dispose();
    if (!this.options.device) this.current.device.destroy();
  }

  private check(job: Job): void {
    if (this.disposed) throw new DisposedError(`${job.what}()`);
    if (job.signal?.aborted) throw new AbortedError(`${job.what}()`, { cause: job.signal.reason });
  }

  private async submit(
    session: Session,
    job: Job,
  ): Promise<{ read: () => Promise<Uint8Array[]>; executable: Executable }> {
    this.check(job);
    const executable = await session.executable(this.planOptions(job));
    const input = await job.feed(session, executable);
    const { device, readback } = session;
    device.pushErrorScope('validation');
    try {
      this.check(job);
      const encoder = device.createCommandEncoder();
      input.copies?.(encoder);
      for (const [p, { stages, before }] of job.passes.entries()) {
        before?.(encoder, session, executable);
        const pass = encoder.beginComputePass();
        if (p === 0) input.dispatches?.(pass);
        executable.encode(pass, stages);
        pass.end();
      }
      const ranges = job.outputs(executable).map((name) => session.locate(executable, name));
      const pending = readback.copy(encoder, ranges);
      device.queue.submit([encoder.finish()]);
      const refusal = device.popErrorScope();
      return { read: () => unlessRefused(pending.read(), refusal, job.what), executable };
    } catch (error) {
      await device.popErrorScope();
      throw error;
    } finally {
      input.release?.();
    }
  }

  private planOptions(job: Pick<Job, 'batch' | 'inputSize' | 'taps'>): PlanOptions {
    return {
      batch: job.batch,
      inputSize: job.inputSize,
      activations: this.options.precision.activations,
      traits: traitsOf(this.current.device),
      sigmoid: this.options.sigmoid,
      ...(job.taps ? { taps: true } : {}),
    };
  }

  /** Jobs share the arena, so they are fed and submitted one after the other; their readbacks overlap. */
  private locked<T>(work: () => Promise<T>): Promise<T> {
    const result = this.tail.then(work);
    this.tail = result.catch(() => undefined);
    return result;
  }

  /** The session, or a new one when its device is lost. */
  private async usable(): Promise<Session> {
    if (!this.current.lost || this.options.device) return this.current;
    this.opening ??= this.reopen();
    try {
      return await this.opening;
    } finally {
      this.opening = null;
    }
  }

  private async reopen(): Promise<Session> {
    const old = this.current;
    let failure: unknown;
    for (const pause of RECOVERY_PAUSES_MS) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      try {
        const session = await openSession(this.options);
        old.dispose();
        this.current = session;
        if (this.disposed) this.dispose();
        return session;
      } catch (error) {
        failure = error;
      }
    }
    throw lostError(old, 'recovering', failure);
  }
}

async function openSession(options: EngineOptions): Promise<Session> {
  if (options.device) return Session.create(options.device, options);
  const adapter = await requestAdapter(options.gpu);
  const device = await requestDevice(adapter, options.packed.byteLength);
  try {
    return await Session.create(device, options);
  } catch (error) {
    device.destroy();
    throw error;
  }
}

async function isLost(session: Session): Promise<boolean> {
  if (!session.lost) {
    await Promise.race([session.device.lost, new Promise((resolve) => setTimeout(resolve, LOSS_NEWS_MS))]);
  }
  return session.lost !== null;
}

/**
 * A command buffer that the GPU refuses leaves the arena as it was, so that what is read back are the results of an
 * earlier call: they must not be taken for this call's.
 */
async function unlessRefused<T>(results: Promise<T>, refusal: Promise<GPUError | null>, what: string): Promise<T> {
  const [result, error] = await Promise.all([results, refusal]);
  if (error) throw new RefusedError(what, error.message, { cause: error });
  return result;
}

function lostError(session: Session, what: string, cause: unknown): DeviceLostError {
  const { reason = 'unknown', message = '' } = session.lost ?? {};
  return new DeviceLostError(reason, `the GPU device was lost during ${what} (${message || reason}): reload the page`, {
    cause,
  });
}
