/** One call's work on the GPU as data, and its submission: one command buffer, one submit, one readback. */
import { RefusedError } from '../core/errors.js';
import type { Executable } from '../gpu/executable.js';
import type { Session } from '../gpu/session.js';
import type { Size } from '../model/layers.js';
import type { Stage } from '../plan/step.js';

export interface Call {
  /** For error messages: the public method. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

export interface Job<T> extends Call {
  readonly batch: number;
  readonly inputSize: Size;
  /** Compute passes, in order; `before` records what must happen between the previous pass and this one. */
  readonly passes: readonly JobPass[];
  readonly taps?: boolean;
  /** Recorded behind the last pass. */
  readonly after?: (encoder: GPUCommandEncoder, session: Session, executable: Executable) => void;
  /** Regions to read back, in order. */
  readonly outputs: (executable: Executable) => readonly string[];
  /** Brings the input: writes buffers now, returns what must be recorded before the network. Again after a device loss. */
  readonly feed: (session: Session, executable: Executable) => Promise<Recorder>;
  /** Frees what was captured for the call. Called once, when the call has settled. */
  readonly release?: () => void;
  /** What the outputs' bytes say. @throws PrecisionOverflowError */
  readonly answer: (executable: Executable, outputs: readonly Uint8Array[]) => T | Promise<T>;
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

export const pass = (...stages: Stage[]): JobPass => ({ stages: new Set(stages) });

/**
 * Submits a job; the promise is of its outputs' bytes.
 *
 * @throws RefusedError (the promise) when the GPU refuses the work
 */
export function submit<T>(
  session: Session,
  executable: Executable,
  job: Job<T>,
  input: Recorder,
): Promise<Uint8Array[]> {
  const { device, readback } = session;
  device.pushErrorScope('validation');
  let refusal: Promise<GPUError | null> | undefined;
  try {
    const encoder = device.createCommandEncoder();
    input.copies?.(encoder);
    for (const [p, { stages, before }] of job.passes.entries()) {
      before?.(encoder, session, executable);
      const pass = encoder.beginComputePass();
      if (p === 0) input.dispatches?.(pass);
      executable.encode(pass, stages);
      pass.end();
    }
    job.after?.(encoder, session, executable);
    const ranges = job.outputs(executable).map((name) => session.locate(executable, name));
    const pending = readback.copy(encoder, ranges);
    device.queue.submit([encoder.finish()]);
    refusal = device.popErrorScope();
    return unlessRefused(pending.read(), refusal, job.what);
  } finally {
    refusal ?? device.popErrorScope().catch(() => {});
  }
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
