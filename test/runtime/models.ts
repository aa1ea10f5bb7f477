/** Model files for the runtime's tests: imported from the frameworks' fixtures, and small random ones. */
import { randomModel } from '../../src/bench/random-model.js';
import { isDenseNetError } from '../../src/core/errors.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import type { DenseNetConfig } from '../../src/model/config.js';
import { presetOf } from '../../src/preprocess/presets.js';
import type { PreprocessSpec } from '../../src/preprocess/spec.js';
import { writeModel } from '../../src/weights/model-file.js';
import { random, randoms } from '../kernels/harness.js';
import { FIXTURES, readBytes, readReference, SAID } from '../reference/fixtures.js';

/** @param preset how pictures are prepared; without one the model takes tensors only */
export async function modelOf(name: string, preset?: string): Promise<Uint8Array> {
  const { tensors, metadata } = await importCheckpoint(readBytes(`${FIXTURES}${name}.pth`), name, SAID[name]);
  return writeModel(tensors, preset === undefined ? metadata : { ...metadata, preprocess: presetOf(preset) });
}

export interface Input {
  readonly data: Float32Array<ArrayBuffer>;
  readonly shape: readonly [number, number, number, number];
}

export function inputOf(name: string): Input {
  const input = readReference(name).get('input');
  const [n = 0, c = 0, h = 0, w = 0] = input?.shape ?? [];
  return { data: Float32Array.from(input?.values ?? []), shape: [n, c, h, w] };
}

/** A network of two short blocks, which compiles fast; channel counts are no multiples of 4. */
export const SMALL: DenseNetConfig = {
  ...{ stem: 'cifar', stemNorm: false, inChannels: 3, initFeatures: 6, growthRate: 5 },
  ...{ blocks: [1, 1], bottleneck: 4, transitions: [7], classes: 5, bnEpsilon: 1e-5 },
};
export const SMALL_MODEL: Uint8Array<ArrayBuffer> = randomModel(SMALL, 1);
/** Pixels on a side that the small network is tested with. */
export const SIDE = 8;

/** Pictures of any size to the small network's input. */
export const TO_SMALL: PreprocessSpec = {
  ...presetOf('cifar10'),
  resize: { kind: 'exact', size: [SIDE, SIDE], filter: 'bilinear', antialias: true },
  crop: null,
};

/** A seeded input for the small network. */
export function smallInput(seed: number, batch = 1, side = SIDE): Input {
  const data = Float32Array.from(randoms(batch * 3 * side * side, random(seed)));
  return { data, shape: [batch, 3, side, side] };
}

/** A picture of noise, 8-bit RGBA. */
export function picture(seed: number, width = 40, height = 50) {
  const next = random(seed);
  return { data: Uint8Array.from({ length: width * height * 4 }, () => 128 + 127 * next()), width, height };
}

/** The error's name and message, or what came instead; fails on what takes longer than any wait of the runtime. */
export async function failure(promise: Promise<unknown>, milliseconds = 20_000): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`hangs for ${milliseconds} ms`), milliseconds);
  });
  const outcome = promise.then(
    (value) => `resolved with ${value}`,
    (error) => (isDenseNetError(error) ? `${error.name}: ${error.message}` : `untyped: ${error}`),
  );
  try {
    return await Promise.race([outcome, hang]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits, at most 10 s, until no buffer is left of what came after an error. */
export async function settled(counting: { readonly liveBuffers: number }): Promise<void> {
  for (let i = 0; i < 100 && counting.liveBuffers > 0; i++) await new Promise((resolve) => setTimeout(resolve, 100));
}
