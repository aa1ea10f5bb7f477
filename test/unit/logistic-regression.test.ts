/** The head that is trained on a network's features. */
import { describe, expect, it } from 'vitest';
import type { LinearHead } from '../../src/model/model.js';
import { type Examples, trainHead } from '../../src/runtime/teach/logistic-regression.js';
import { random } from '../kernels/harness.js';

/** Gaussian clusters around a mean for each class; `spread` of the noise in distances between means. */
function clusters(classes: number, each: number, features: number, spread: number, seed = 1): Examples {
  const next = random(seed);
  const normal = () => (next() + next() + next() + next()) * 0.87;
  const means = Array.from({ length: classes }, () => Array.from({ length: features }, () => 3 + normal()));
  const labels = Array.from({ length: classes * each }, (_, i) => i % classes);
  const data = Float64Array.from(
    labels.flatMap((label) => (means[label] ?? []).map((mean) => mean + spread * normal())),
  );
  return { data, features, labels, classes };
}

const train = (examples: Examples) => trainHead(examples);

function accuracyOn({ data, features, labels, classes }: Examples, { weight, bias }: LinearHead): number {
  const right = labels.filter((label, row) => {
    const scores = Array.from({ length: classes }, (_, k) =>
      Array.from(
        { length: features },
        (_, f) => (weight[k * features + f] ?? 0) * (data[row * features + f] ?? 0),
      ).reduce((a, b) => a + b, bias[k] ?? 0),
    );
    return scores.indexOf(Math.max(...scores)) === label;
  });
  return right.length / labels.length;
}

describe('a trained head', () => {
  it('separates classes that are separate, and says so of examples it has not seen', async () => {
    const examples = clusters(5, 12, 40, 0.3);
    const head = await train(examples);
    expect(accuracyOn(examples, head)).toBe(1);
    expect(head.accuracy).toBe(1);
  });

  it('reports no more than chance for labels that mean nothing', async () => {
    const examples = clusters(4, 20, 30, 1);
    const next = random(9);
    const labels = examples.labels.map((label, i) => (i < 4 ? label : Math.floor((next() + 1) * 2)));
    const { accuracy } = await train({ ...examples, labels });
    expect(accuracy).toBeLessThan(0.5);
  });

  it('chooses a stronger penalty for noisier features', async () => {
    expect((await train(clusters(3, 10, 60, 4))).C).toBeLessThanOrEqual((await train(clusters(3, 10, 60, 0.2))).C);
  });

  it('is at the minimum: the gradient of the penalised loss is zero', async () => {
    const examples = clusters(3, 15, 8, 1.2);
    const { weight, bias, C } = await train(examples);
    const { data, features, labels, classes } = examples;
    // d/db: the probabilities of a class sum to the number of its examples.
    const sums = new Float64Array(classes);
    for (const row of labels.keys()) {
      const scores = Array.from({ length: classes }, (_, k) => {
        let score = bias[k] ?? 0;
        for (let f = 0; f < features; f++) score += (weight[k * features + f] ?? 0) * (data[row * features + f] ?? 0);
        return score;
      });
      const exponentials = scores.map((score) => Math.exp(score - Math.max(...scores)));
      const total = exponentials.reduce((a, b) => a + b, 0);
      for (const [k, value] of exponentials.entries()) sums[k] = (sums[k] ?? 0) + value / total;
    }
    expect(C).toBeGreaterThan(0);
    for (const sum of sums) expect(Math.abs(sum - 15)).toBeLessThan(0.15);
  });

  it('is the same bits for the same examples', async () => {
    expect(await train(clusters(3, 5, 20, 1))).toEqual(await train(clusters(3, 5, 20, 1)));
  });

  it('reports progress and can be aborted', async () => {
    const done: number[] = [];
    await trainHead(clusters(2, 4, 5, 1), { onProgress: (share) => done.push(share) });
    expect(done).toEqual([0.2, 0.4, 0.6, 0.8, 1]);
    await expect(trainHead(clusters(2, 4, 5, 1), { signal: AbortSignal.abort() })).rejects.toThrow(
      'train() was aborted',
    );
  });

  it('needs no second example of a class, but then knows no accuracy', async () => {
    const head = await train(clusters(3, 1, 20, 1));
    expect(head.accuracy).toBeNull();
    expect(head.weight.every(Number.isFinite)).toBe(true);
  });

  it('ignores features that never vary', async () => {
    const examples = clusters(2, 6, 10, 0.5);
    examples.data.forEach((_, i) => {
      if (i % 10 === 3) examples.data[i] = 7;
    });
    const { weight } = await train(examples);
    expect([weight[3], weight[13]]).toEqual([0, 0]);
  });

  it('is quick for 5 classes × 50 examples of 1024 features', async () => {
    const examples = clusters(5, 50, 1024, 2);
    await train(examples); // compiles
    const before = process.cpuUsage();
    await train(examples);
    // The processor's time, which grows less than the wall clock's when the computer is busy: 0.2 s where it is not.
    const { user } = process.cpuUsage(before);
    console.log(`trained in ${(user / 1000).toFixed(0)} ms of processor time`);
    expect(user / 1000).toBeLessThan(1000);
  });
});
