/** Scores and ranking against double precision, with ties, extremes and class counts around the workgroup's 64. */
import { describe, expect, it } from 'vitest';
import { hasDriver, withDevice } from './dawn.js';
import { F32, random, runKernel } from './harness.js';
import { scores } from './head-reference.js';
import * as ref from './reference.js';

interface Scored {
  readonly scores: Float32Array;
  readonly best: readonly { readonly index: number; readonly score: number }[][];
}

async function score(device: GPUDevice, rows: readonly (readonly number[])[], top: number, sigmoid: boolean) {
  const classes = rows[0]?.length ?? 0;
  const stride = 4 * ref.quads(classes);
  // What pads a row must not win.
  const logits = new Float32Array(rows.length * stride).fill(1000);
  for (const [n, row] of rows.entries()) logits.set(row, n * stride);
  const run = {
    kernel: 'scores',
    variant: { tile: {}, overrides: {} },
    precision: F32,
    buffers: { logits, best: new Float32Array(rows.length * top * 2), scores: new Float32Array(logits.length) },
    params: { classes, stride, top, activation: sigmoid ? 1 : 0 },
    workgroups: [rows.length, 1, 1],
  } as const;
  const all = await runKernel(device, { ...run, output: 'scores' });
  const best = await runKernel(device, { ...run, output: 'best' });
  const indices = new Uint32Array(best.buffer, best.byteOffset, best.length);
  const result: Scored = {
    scores: all.filter((_, i) => i % stride < classes),
    best: rows.map((_, n) =>
      Array.from({ length: top }, (_, k) => ({
        index: indices[2 * (n * top + k)] ?? -1,
        score: best[2 * (n * top + k) + 1] ?? Number.NaN,
      })),
    ),
  };
  return result;
}

/** Best first, equal ones by index. */
const ranked = (row: readonly number[]): number[] =>
  [...row.keys()].sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0) || a - b);

describe.skipIf(!hasDriver('swiftshader'))('scores on swiftshader', () => {
  it.each([1, 2, 10, 63, 64, 65, 150, 1000])('%i classes: softmax and sigmoid, the best in order', (classes) =>
    withDevice('swiftshader', async ({ device }) => {
      const next = random(classes);
      const rows = [0, 1].map(() => Array.from({ length: classes }, () => Math.fround(8 * next())));
      const top = Math.min(10, classes);
      for (const sigmoid of [false, true]) {
        const found = await score(device, rows, top, sigmoid);
        for (const [n, row] of rows.entries()) {
          const expected = scores(row, sigmoid);
          const scored = found.scores.subarray(n * classes, (n + 1) * classes);
          ref.expectWithin(scored, expected, 'f32');
          const best = found.best[n] ?? [];
          expect(best.map(({ index }) => index)).toEqual(ranked(row).slice(0, top));
          for (const { index, score: own } of best)
            expect(Math.abs(own - (scored[index] ?? Number.NaN))).toBeLessThanOrEqual(
              2 * (expected.bounds[index] ?? 0),
            );
        }
      }
    }),
  );

  it('ranks equal logits by index', () =>
    withDevice('swiftshader', async ({ device }) => {
      const row = Array.from({ length: 130 }, (_, i) => (i % 3 === 1 ? 2 : 1));
      const { best } = await score(device, [row], 10, false);
      expect(best[0]?.map(({ index }) => index)).toEqual([1, 4, 7, 10, 13, 16, 19, 22, 25, 28]);
    }));

  it('neither overflows nor vanishes at the ends of the range', () =>
    withDevice('swiftshader', async ({ device }) => {
      const row = [-3e38, 3e38, 0, 3e38, -100, 100, -20];
      const softmax = await score(device, [row], 2, false);
      expect([...softmax.scores]).toEqual([0, 0.5, 0, 0.5, 0, 0, 0]);
      expect(softmax.best[0]).toEqual([
        { index: 1, score: 0.5 },
        { index: 3, score: 0.5 },
      ]);
      const sigmoid = await score(device, [row], 2, true);
      expect([...sigmoid.scores].slice(0, 4)).toEqual([0, 1, 0.5, 1]);
    }));
});
