/** Multi-label networks: every class has its own sigmoid, and is present from its own threshold on. */
import { afterEach, describe, expect, it } from 'vitest';
import { randomModel } from '../../src/bench/random-model.js';
import { DenseNet } from '../../src/densenet.js';
import type { ModelMetadata } from '../../src/model/model.js';
import { presetOf } from '../../src/preprocess/presets.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import { writeModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { expectNoComplaints } from './counting.js';
import { sharedDevice } from './devices.js';
import { picture, SIDE, SMALL } from './models.js';

afterEach(expectNoComplaints);

/** More classes than the GPU ranks, so that the CPU ranks, too. */
const CLASSES = 14;
const { tensors } = readSafetensors(randomModel({ ...SMALL, classes: CLASSES }, 3));
const preprocess = { ...presetOf('cifar10'), crop: [SIDE, SIDE] as const };

async function load(metadata: ModelMetadata): Promise<DenseNet> {
  const device = await sharedDevice('swiftshader');
  return DenseNet.load(writeModel(tensors, { preprocess, ...metadata }), { device });
}

describe.skipIf(!hasDriver('swiftshader'))('classify', () => {
  it('reports whether each class with a threshold is present', async () => {
    const plain = await load({ activation: 'sigmoid' });
    const scores = await plain.classify(picture(1), { topK: CLASSES });
    plain.dispose();
    expect(scores.every((score) => !('present' in score))).toBe(true);
    expect(scores.reduce((sum, { probability }) => sum + probability, 0)).not.toBeCloseTo(1, 1);

    // Thresholds below, at and above the probability, and none.
    const probabilities = new Map(scores.map(({ index, probability }) => [index, probability]));
    const shift = [-0.01, 0, 0.01];
    const thresholds = Array.from({ length: CLASSES }, (_, index) =>
      index % 4 === 3 ? null : (probabilities.get(index) ?? 0) + (shift[index % 4] ?? 0),
    );
    const net = await load({ activation: 'sigmoid', thresholds });
    for (const topK of [CLASSES, 5]) {
      const found = await net.classify(picture(1), { topK });
      const expected = scores.slice(0, topK).map(({ index, label, probability }) => ({
        ...{ index, label, probability },
        ...(index % 4 === 3 ? {} : { present: index % 4 !== 2 }),
      }));
      expect(found).toEqual(expected);
    }
    net.dispose();
  });

  it('gives each class the sigmoid of its own logit', async () => {
    const net = await load({ activation: 'sigmoid' });
    const softmax = await load({});
    const [many, one] = [
      await net.classify(picture(2), { topK: CLASSES }),
      await softmax.classify(picture(2), { topK: CLASSES }),
    ];
    const logit = (p: number) => Math.log(p / (1 - p));
    // Softmax keeps the differences of the logits: ln(p / q).
    for (const [rank, { index, probability }] of many.entries()) {
      expect(one[rank]?.index).toBe(index);
      const [best, own] = [one[0]?.probability ?? 0, one[rank]?.probability ?? 0];
      expect(logit(many[0]?.probability ?? 0) - logit(probability)).toBeCloseTo(Math.log(best / own), 4);
    }
    net.dispose();
    softmax.dispose();
  });
});

it('rejects a list of thresholds of another length than the classes', () => {
  expect(() => writeModel(tensors, { thresholds: [0.5] })).toThrow('1 thresholds for a network of 14 classes');
});
