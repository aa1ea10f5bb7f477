/** The error of f16 on real images: the trained default model in every precision, against f32. */
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LoadOptions } from '../../src/api.js';
import { dawnGpu, type VulkanDriver } from '../../src/cli/dawn.js';
import { DEFAULT_MODEL } from '../../src/cli/files.js';
import { imageFiles } from '../../src/cli/list-images.js';
import { TOLERANCE } from '../../src/cli/verify.js';
import { DenseNet } from '../../src/densenet.js';
import type { PixelData } from '../../src/gpu/image-source.js';
import { hasDriver } from '../kernels/dawn.js';
import { relativeError } from '../reference/fixtures.js';
import { CountingGpu, expectNoComplaints } from './counting.js';

afterEach(expectNoComplaints);

const MODEL = new Uint8Array(readFileSync(DEFAULT_MODEL));

/** The pooled features of an image, and its classes, best first. */
interface Answer {
  readonly pooled: Float32Array;
  readonly classes: readonly number[];
}

async function pictures(): Promise<PixelData[]> {
  return Promise.all(
    imageFiles([]).map(async ({ path }) => {
      const { data, info } = await sharp(path).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
      return { data: new Uint8Array(data), width: info.width, height: info.height };
    }),
  );
}

async function answers(driver: VulkanDriver, features: readonly GPUFeatureName[], options: LoadOptions) {
  // Without subgroups, whose tiles take long to compile here.
  const device = await new CountingGpu(await dawnGpu(driver)).open(features);
  const net = await DenseNet.load(MODEL, { device, ...options });
  const list: Answer[] = [];
  for (const picture of await pictures()) {
    const { data: pooled } = await net.embed(picture);
    const ranked = await net.classify(picture, { topK: net.config.classes });
    list.push({ pooled, classes: ranked.map(({ index }) => index) });
  }
  net.dispose();
  device.destroy();
  return list;
}

describe.skipIf(!hasDriver('swiftshader') || !hasDriver('lavapipe'))('the default model on the sample pictures', () => {
  let exact: readonly Answer[];
  beforeAll(async () => {
    exact = await answers('swiftshader', [], {});
  });

  it.each([
    ['f16 weights', 'swiftshader', [], { weights: 'f16' }],
    ['f16 maps and weights', 'lavapipe', [], { precision: 'f16' }],
  ] as const)(
    '%s: the same best class, and features within the declared drift',
    async (_, driver, features, options) => {
      const found = await answers(driver, features, options);
      expect(found).toHaveLength(exact.length);
      for (const [p, { pooled, classes }] of found.entries()) {
        const { pooled: expected = [], classes: [best] = [] } = exact[p] ?? {};
        expect(classes[0], `best class of picture ${p}`).toBe(best);
        expect(relativeError(pooled, expected), `largest relative error of picture ${p}`).toBeLessThan(TOLERANCE.f16);
      }
    },
  );
});
