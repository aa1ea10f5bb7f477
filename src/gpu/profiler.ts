/** GPU time of every step, by timestamp queries. Apart from dispatch: it costs nothing when it is not used. */
import type { Stage } from '../plan/step.js';
import { type Executable, record } from './executable.js';
import type { Session } from './session.js';
import { MAP_MODE_READ, USAGE } from './usage.js';

/** Nanoseconds per step of the given stages, in order; null where the device has no `timestamp-query`. */
export async function timeSteps(
  session: Session,
  executable: Executable,
  stages: ReadonlySet<Stage>,
): Promise<readonly number[] | null> {
  const { device } = session;
  if (!device.features.has('timestamp-query')) return null;
  const dispatches = executable.dispatches.filter(({ stage }) => stages.has(stage));
  const count = 2 * dispatches.length;
  const queries = device.createQuerySet({ type: 'timestamp', count });
  const resolved = device.createBuffer({ size: count * 8, usage: USAGE.QUERY_RESOLVE | USAGE.COPY_SRC });
  const staging = device.createBuffer({ size: count * 8, usage: USAGE.MAP_READ | USAGE.COPY_DST });
  try {
    const encoder = device.createCommandEncoder();
    for (const [d, dispatch] of dispatches.entries()) {
      const timestampWrites = { querySet: queries, beginningOfPassWriteIndex: 2 * d, endOfPassWriteIndex: 2 * d + 1 };
      const pass = encoder.beginComputePass({ timestampWrites });
      record(pass, dispatch);
      pass.end();
    }
    encoder.resolveQuerySet(queries, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, count * 8);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(MAP_MODE_READ);
    const times = new BigInt64Array(staging.getMappedRange());
    return dispatches.map((_, d) => Math.max(0, Number((times[2 * d + 1] ?? 0n) - (times[2 * d] ?? 0n))));
  } finally {
    queries.destroy();
    resolved.destroy();
    staging.destroy();
  }
}
