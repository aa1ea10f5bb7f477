/** Length of each soak test: short in `npm test`, as RELIABILITY.md records in `npm run soak`. */
export const isLong = process.env.SOAK === 'long';

export const COUNTS = isLong
  ? { inferences: 10_000, loads: 200, abortedLoads: 1000 }
  : { inferences: 300, loads: 12, abortedLoads: 40 };

export const PATIENCE_MS = isLong ? 3_600_000 : 120_000;

/**
 * The allowed growth of the heap in the second half, in bytes. (In the first half V8 still compiles and collects types.)
 * A leak of 105 bytes per inference, 5 KiB per load or 1 KiB per aborted load exceeds it.
 */
export const GROWTH = 512 * 1024;

/** One line of the record. */
export function report(what: string, count: number, heap: readonly [number, number], start: number): void {
  if (!isLong) return;
  const kib = heap.map((bytes) => Math.round(bytes / 1024).toLocaleString('en'));
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(`${what}: ${count.toLocaleString('en')} in ${seconds} s; heap ${kib[0]} → ${kib[1]} KiB`);
}

/** Runs a step `count` times, and measures after the first half and at the end. */
export async function soak(
  count: number,
  step: (i: number) => Promise<unknown>,
  heap: () => Promise<number>,
): Promise<readonly [number, number]> {
  const warm = Math.floor(count / 2);
  for (let i = 0; i < warm; i++) await step(i);
  const before = await heap();
  for (let i = warm; i < count; i++) await step(i);
  return [before, await heap()];
}
