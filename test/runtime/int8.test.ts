/** How far weights stored as 8-bit integers move a trained network, and that they cost nothing on the GPU. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/cli/decode-image.js';
import { DEFAULT_MODEL, readImageFile } from '../../src/cli/files.js';
import { imageFiles } from '../../src/cli/list-images.js';
import { DenseNet } from '../../src/densenet.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { decodeMetadata } from '../../src/model/metadata.js';
import { presetOf } from '../../src/preprocess/presets.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import { writeModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { relativeError } from '../reference/fixtures.js';
import { expectNoComplaints } from './counting.js';
import { sharedDevice } from './devices.js';

afterEach(expectNoComplaints);

const SHARED = fileURLToPath(new URL('../../../shared/', import.meta.url));
/** Declared for trained networks: the largest error of any tap, relative to its largest magnitude. */
const INT8_TOLERANCE = 2e-2;
const PICTURES = 12;

const decodeAll = (paths: readonly string[]) =>
  Promise.all(paths.map(async (path) => decodeImage(await readImageFile(path))));

describe.skipIf(!hasDriver('swiftshader'))('int8 weights', () => {
  let device: GPUDevice;
  beforeAll(async () => {
    device = await sharedDevice('swiftshader');
  });

  async function expectSmallDrift([exact, small]: readonly [Uint8Array, Uint8Array], paths: readonly string[]) {
    const pictures = await decodeAll(paths);
    const [before, after] = [await DenseNet.load(exact, { device }), await DenseNet.load(small, { device })];
    expect(after.memory).toEqual(before.memory);
    const expected = await before.taps(pictures);
    const found = await after.taps(pictures);
    const best = async (net: DenseNet) => (await net.classify(pictures, { topK: 1 })).map(([first]) => first?.index);
    const [bestBefore, bestAfter] = [await best(before), await best(after)];
    before.dispose();
    after.dispose();
    const errors = [...expected].map(([tap, { data }]) => ({
      tap,
      error: relativeError(found.get(tap)?.data ?? [], data),
    }));
    console.log(errors.map(({ tap, error }) => `${tap} ${error.toExponential(1)}`).join(', '));
    for (const { tap, error } of errors) expect(error, tap).toBeLessThan(INT8_TOLERANCE);
    expect(errors.at(-1)?.error).toBeGreaterThan(1e-4);
    expect(bestAfter).toEqual(bestBefore);
  }

  it('leave the default model its classes of the samples, and every tap within 2e-2', async () => {
    const bytes = new Uint8Array(readFileSync(DEFAULT_MODEL));
    const { tensors, metadata } = readSafetensors(bytes);
    const small = writeModel(tensors, decodeMetadata(metadata), 'int8');
    expect(small.length).toBeLessThan(0.54 * bytes.length);
    await expectSmallDrift(
      [bytes, small],
      imageFiles([]).map(({ path }) => path),
    );
  });

  it.skipIf(!existsSync(join(SHARED, 'weights/dice-densenet-bc-100-12-cifar10'))).each([10, 100])(
    'leave a published DenseNet-BC-100-12 for CIFAR-%i its classes, and every tap within 2e-2',
    async (classes) => {
      const file = join(SHARED, `weights/dice-densenet-bc-100-12-cifar${classes}/checkpoint_100.pth.tar`);
      const imported = await importCheckpoint(new Uint8Array(readFileSync(file)), 'checkpoint_100.pth.tar');
      const metadata = { ...imported.metadata, preprocess: presetOf('cifar10-std-0.2023') };
      const [exact, small] = [writeModel(imported.tensors, metadata), writeModel(imported.tensors, metadata, 'int8')];
      const folder = join(SHARED, `images/cifar${classes}-test-200`);
      const names = readdirSync(folder).filter((name) => name.endsWith('.png'));
      const every = Math.floor(names.length / PICTURES);
      const paths = names.filter((_, i) => i % every === 0).slice(0, PICTURES);
      await expectSmallDrift(
        [exact, small],
        paths.map((name) => join(folder, name)),
      );
    },
  );
});
