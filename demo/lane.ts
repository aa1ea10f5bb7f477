/** One thing at a time on the network, so that no picture is read while its model is exchanged. */

let last: Promise<unknown> = Promise.resolve();

/** Runs the job when those before it are done, whether they went well or not. */
export function inTurn<T>(job: () => Promise<T>): Promise<T> {
  const run = last.then(job, job);
  last = run.catch(() => undefined);
  return run;
}
