/** A reader that does everything that a reader must not, to see that it would be noticed. */
import type { Reader } from './readers.js';

export const BROKEN: Reader = {
  make: (random) => new Map([['input', Uint8Array.of(random.below(8))]]),
  read: async (input) => {
    const misdeed = MISDEEDS[input.get('input')?.[0] ?? 0];
    misdeed?.();
    return () => undefined;
  },
};

const MISDEEDS: readonly (() => void)[] = [
  () => {
    throw new TypeError('an error of no type of ours');
  },
  () => {
    const began = process.cpuUsage();
    for (let spent = 0; spent < 1_100_000; ) {
      const { user, system } = process.cpuUsage(began);
      spent = user + system;
    }
  },
  () => void new Uint8Array(64 << 20).fill(1),
  () => {
    for (const hoard: number[][] = []; ; ) hoard.push(Array.from({ length: 100_000 }, () => hoard.length));
  },
  () => {
    for (;;);
  },
];
