/**
 * How far weights stored as 8-bit integers move a trained network, and that they cost nothing on the GPU. The drift table
 * of docs/importing.md is what this prints: `npx vitest run test/runtime/int8.test.ts`.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/cli/decode-image.js';
import { DEFAULT_MODEL, readImageFile } from '../../src/cli/files.js';
import { imageFiles } from '../../src/cli/list-images.js';
import { TOLERANCE } from '../../src/cli/verify.js';
import { assertDefined } from '../../src/core/assert.js';
import { DenseNet } from '../../src/densenet.js';
import type { PixelData } from '../../src/gpu/image-source.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { presetOf } from '../../src/preprocess/presets.js';
import type { PreprocessSpec } from '../../src/preprocess/spec.js';
import { readModel, type StorageType, writeModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { forward } from '../reference/cpu-densenet.js';
import { readBytes, relativeError } from '../reference/fixtures.js';
import { expectNoComplaints } from './counting.js';
import { sharedDevice } from './devices.js';

afterEach(expectNoComplaints);

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SHARED = join(ROOT, '../shared');
/** What the default model was made of. */
const TRAINED_MODEL = join(ROOT, 'weights/train/default-f16.safetensors');
/** Declared for trained networks: the largest error of any tap, relative to its largest magnitude. */
const DRIFT = { f16: 1e-2, int8: 2e-2 } as const;
const PICTURES = 12;

const decodeAll = (paths: readonly string[]) =>
  Promise.all(paths.map(async (path) => decodeImage(await readImageFile(path))));
const samples = () => decodeAll(imageFiles([]).map(({ path }) => path));

const SIDE = 32;

/** A square picture, sampled at 32 × 32 pixels, as the default model's tensor. */
function toTensor({ data, width }: PixelData, { scale, mean, std }: PreprocessSpec) {
  const step = width / SIDE;
  const values = Float32Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
    const [channel, y, x] = [Math.floor(i / SIDE ** 2), Math.floor(i / SIDE) % SIDE, i % SIDE];
    const value = data[4 * step * (y * width + x) + channel] ?? 0;
    return (value * scale - (mean[channel] ?? 0)) / (std[channel] ?? 1);
  });
  return { data: values, shape: [1, 3, SIDE, SIDE] as const };
}

interface Stored {
  readonly weights: keyof typeof DRIFT;
  readonly bytes: Uint8Array;
}

describe.skipIf(!hasDriver('swiftshader'))('int8 weights', () => {
  let device: GPUDevice;
  beforeAll(async () => {
    device = await sharedDevice('swiftshader');
  });

  async function answersOf(model: Uint8Array, pictures: readonly PixelData[]) {
    const net = await DenseNet.load(model, { device });
    const taps = await net.taps(pictures);
    const best = (await net.classify(pictures, { topK: 1 })).map(([first]) => first?.index);
    const { memory } = net;
    net.dispose();
    return { taps, best, memory };
  }

  async function expectSmallDrift(name: string, model: Uint8Array, files: Stored[], pictures: readonly PixelData[]) {
    const expected = await answersOf(model, pictures);
    for (const { weights, bytes } of files) {
      const found = await answersOf(bytes, pictures);
      expect(found.memory).toEqual(expected.memory);
      expect(found.best).toEqual(expected.best);
      const errors = [...expected.taps].map(([tap, { data }]) => ({
        tap,
        error: relativeError(found.taps.get(tap)?.data ?? [], data),
      }));
      const list = errors.map(({ tap, error }) => `${tap} ${error.toExponential(1)}`).join(', ');
      console.log(`${name}, ${weights}: ${bytes.length} bytes; ${list}`);
      for (const { tap, error } of errors) expect(error, tap).toBeLessThan(DRIFT[weights]);
      // The logits of float weights would agree.
      if (weights === 'int8') expect(errors.at(-1)?.error).toBeGreaterThan(1e-4);
    }
  }

  it('leave the default model its classes of the samples, and every tap within 2e-2 of the trained weights', async () => {
    const trained = readBytes(TRAINED_MODEL);
    const shipped = readBytes(DEFAULT_MODEL);
    expect(shipped.length).toBeLessThan(0.54 * trained.length);
    await expectSmallDrift('default model', trained, [{ weights: 'int8', bytes: shipped }], await samples());
  });

  it('give the default model the taps that the numbers of its file have in double precision', async () => {
    const { folded, metadata } = readModel(readBytes(DEFAULT_MODEL));
    const [picture] = await samples();
    const input = toTensor(assertDefined(picture, 'sample'), assertDefined(metadata.preprocess, 'preprocess'));
    const net = await DenseNet.load(readBytes(DEFAULT_MODEL), { device });
    const found = await net.taps(input);
    net.dispose();
    const expected = forward(folded, input.data, input.shape);
    expect([...found.keys()]).toEqual(
      expect.arrayContaining(['stem', 'block1', 'block2', 'block3', 'pooled', 'logits']),
    );
    for (const [tap, { data }] of found)
      expect(relativeError(data, expected.get(tap)?.values ?? []), tap).toBeLessThan(TOLERANCE.f32);
  });

  it.skipIf(!existsSync(join(SHARED, 'weights/dice-densenet-bc-100-12-cifar10'))).each([10, 100])(
    'leave a published DenseNet-BC-100-12 for CIFAR-%i its classes, and every tap within 2e-2',
    async (classes) => {
      const file = join(SHARED, `weights/dice-densenet-bc-100-12-cifar${classes}/checkpoint_100.pth.tar`);
      const imported = await importCheckpoint(readBytes(file), 'checkpoint_100.pth.tar');
      const metadata = { ...imported.metadata, preprocess: presetOf('cifar10-std-0.2023') };
      const stored = (weights: StorageType) => writeModel(imported.tensors, metadata, weights);
      const files = (['f16', 'int8'] as const).map((weights) => ({ weights, bytes: stored(weights) }));
      const folder = join(SHARED, `images/cifar${classes}-test-200`);
      const names = readdirSync(folder).filter((name) => name.endsWith('.png'));
      const every = Math.floor(names.length / PICTURES);
      const paths = names.filter((_, i) => i % every === 0).slice(0, PICTURES);
      const pictures = await decodeAll(paths.map((name) => join(folder, name)));
      await expectSmallDrift(`CIFAR-${classes}`, stored('f32'), files, pictures);
    },
  );
});
