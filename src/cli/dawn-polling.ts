/**
 * Keeps Node from spinning while a GPU works.
 *
 * npm `webgpu` (0.6) asks Dawn for news on every turn of Node's event loop, through `setImmediate`, for as long as a call
 * is pending (Dawn's `src/dawn/node/binding/AsyncRunner.cpp`, crbug.com/dawn/1127). That takes a whole core, which a
 * software GPU would compute on: DenseNet-121 on lavapipe with two cores took 319 ms, and takes 182 ms with a pause in
 * every turn. To go when the package waits by itself.
 */

/** A call that is answered sooner is not worth a pause. */
const SPIN_MS = 0.2;
/** Pauses grow with the wait, as a share of it, so that they delay no answer by much. */
const PAUSE_SHARE = 1 / 20;
const SHORTEST_PAUSE_MS = 0.1;
const LONGEST_PAUSE_MS = 1;

const never = new Int32Array(new SharedArrayBuffer(4));
let pending = 0;
let since = 0;
/** Whether a turn is to come: one at a time, or a thousand calls would make a thousand pauses in every turn. */
let isTurning = false;

function turn(): void {
  isTurning = pending > 0;
  if (!isTurning) return;
  const waited = performance.now() - since;
  const pause = Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, waited * PAUSE_SHARE));
  if (waited > SPIN_MS) Atomics.wait(never, 0, 0, pause);
  setImmediate(turn);
}

async function patiently<T>(answer: Promise<T>): Promise<T> {
  pending++;
  since = performance.now();
  if (!isTurning) setImmediate(turn);
  isTurning = true;
  try {
    return await answer;
  } finally {
    pending--;
  }
}

/** Calls that wait for the GPU's work pause between questions from now on. Once npm `webgpu`'s classes are globals. */
export function pauseBetweenPolls(): void {
  const { mapAsync } = GPUBuffer.prototype;
  const { onSubmittedWorkDone } = GPUQueue.prototype;
  GPUBuffer.prototype.mapAsync = function (...args) {
    return patiently(mapAsync.apply(this, args));
  };
  GPUQueue.prototype.onSubmittedWorkDone = function () {
    return patiently(onSubmittedWorkDone.apply(this));
  };
}
