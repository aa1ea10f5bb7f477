/** GPU timestamps at the beginning and the end of compute passes. */
import { MAP_MODE_READ, USAGE } from '../../gpu/usage.js';

/**
 * Runs each record in a pass of its own, all in one submit.
 *
 * @param device with `timestamp-query`
 * @returns nanoseconds at the beginning and at the end of each, in turn
 */
export async function timePasses(
  device: GPUDevice,
  records: readonly ((pass: GPUComputePassEncoder) => void)[],
): Promise<readonly bigint[]> {
  const count = 2 * records.length;
  const queries = device.createQuerySet({ type: 'timestamp', count });
  const resolved = device.createBuffer({ size: count * 8, usage: USAGE.QUERY_RESOLVE | USAGE.COPY_SRC });
  const staging = device.createBuffer({ size: count * 8, usage: USAGE.MAP_READ | USAGE.COPY_DST });
  try {
    const encoder = device.createCommandEncoder();
    for (const [r, record] of records.entries()) {
      const timestampWrites = { querySet: queries, beginningOfPassWriteIndex: 2 * r, endOfPassWriteIndex: 2 * r + 1 };
      const pass = encoder.beginComputePass({ timestampWrites });
      record(pass);
      pass.end();
    }
    encoder.resolveQuerySet(queries, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, count * 8);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(MAP_MODE_READ);
    return [...new BigInt64Array(staging.getMappedRange())];
  } finally {
    queries.destroy();
    resolved.destroy();
    staging.destroy();
  }
}
