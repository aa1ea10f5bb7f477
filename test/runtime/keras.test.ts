/**
 * Keras models on a real WebGPU, against Keras' own numbers at every tap. One file of each network: import-keras.test.ts
 * tests that all its files give the same tensors.
 */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { TOLERANCE } from '../../src/cli/verify.js';
import { DenseNet } from '../../src/densenet.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { writeModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { FIXTURES, readBytes, readReferenceFor, relativeError } from '../reference/fixtures.js';
import { expectNoComplaints } from './counting.js';
import { sharedDevice } from './devices.js';

afterEach(expectNoComplaints);

async function load(name: string): Promise<DenseNet> {
  const { tensors, metadata } = await importCheckpoint(readBytes(join(FIXTURES, 'keras', name)), name);
  return DenseNet.load(writeModel(tensors, metadata), { device: await sharedDevice('swiftshader') });
}

describe.skipIf(!hasDriver('swiftshader'))('on swiftshader', () => {
  it.each([
    ['keras2-transfer.keras', 'keras2-transfer'],
    ['keras3.keras', 'keras3'],
    ['keras-cifar.h5', 'keras-cifar'],
    ['keras-new-first.keras', 'keras-new-first'],
  ])('%s computes what Keras computes, at every tap', async (name, of) => {
    const net = await load(name);
    const reference = readReferenceFor(`keras/${of}`, net);
    const { shape: [n = 0, c = 0, h = 0, w = 0] = [], values = new Float32Array() } = reference.get('input') ?? {};
    const taps = await net.taps({ data: Float32Array.from(values), shape: [n, c, h, w] });
    net.dispose();
    expect([...taps.keys(), 'input'].sort()).toEqual([...reference.keys()].sort());
    for (const [tap, { data }] of taps) {
      const error = relativeError(data, reference.get(tap)?.values ?? []);
      expect(error, `largest relative error at ${tap}`).toBeLessThan(TOLERANCE.f32);
    }
  });
});
