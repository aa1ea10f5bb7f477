/** The laws of `laws.ts` on a real WebGPU. They need no reference implementation. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { relativeError } from '../reference/fixtures.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { LAWS, SIDE } from './laws.js';
import { type Input, SMALL_MODEL, smallInput } from './models.js';
import { remake, where } from './remake.js';

afterEach(expectNoComplaints);

const SETTINGS = [
  { driver: 'swiftshader', precision: 'f32', features: [], tolerance: 1e-5 },
  { driver: 'lavapipe', precision: 'f16', features: [], tolerance: 1e-2 },
] as const;

describe.each(SETTINGS)('in $precision on $driver', ({ driver, precision, features, tolerance }) => {
  const usual = new Map<Uint8Array, Promise<readonly number[]>>();
  let device: GPUDevice;
  beforeAll(async () => {
    if (hasDriver(driver)) device = await new CountingGpu(await dawnGpu(driver)).open(features);
  });
  afterAll(() => device?.destroy());

  async function logitsOf(model: Uint8Array, input: Input): Promise<readonly number[]> {
    const net = await DenseNet.load(model, { device, precision, inputSize: [SIDE, SIDE] });
    const { logits } = await net.run(input).finally(() => net.dispose());
    return [...logits];
  }

  it.skipIf(!hasDriver(driver)).each(Object.entries(LAWS))('%s', async (_, law) => {
    const { model = SMALL_MODEL, changes, input = (same) => same, expected = (same) => same, isExact } = law;
    const given = smallInput(1, 1, SIDE);
    const before = usual.get(model) ?? logitsOf(model, given);
    usual.set(model, before);
    const found = await logitsOf(remake(model, changes), input(given));
    const wanted = expected(await before);
    if (isExact && precision === 'f32') expect(found).toEqual(wanted);
    else expect(relativeError(found, wanted), `largest relative error of ${found}`).toBeLessThan(tolerance);
  });

  it.skipIf(!hasDriver(driver))('a bias shifts the logit of its own class by its value, and no other', async () => {
    const before = await logitsOf(SMALL_MODEL, smallInput(2, 1, SIDE));
    const moved = where(/classifier\.bias/, ({ values }) => values.map((bias, o) => bias + (o === 2 ? 5 : 0)));
    const after = await logitsOf(remake(SMALL_MODEL, [moved]), smallInput(2, 1, SIDE));
    expect(after.filter((_, o) => o !== 2)).toEqual(before.filter((_, o) => o !== 2));
    expect((after[2] ?? 0) - (before[2] ?? 0)).toBeCloseTo(5, 5);
  });
});
