/** Numbers at the edges of their range: the same bits every time, and a right result or a typed error. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { isDenseNetError } from '../../src/core/errors.js';
import { DenseNet } from '../../src/densenet.js';
import { readModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { forward } from '../reference/cpu-densenet.js';
import { relativeError } from '../reference/fixtures.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { type Input, SIDE, SMALL_MODEL, smallInput } from './models.js';
import { type Change, remake, where } from './remake.js';

afterEach(expectNoComplaints);

const SETTINGS = [
  { driver: 'swiftshader', precision: 'f32', features: [], tolerance: 1e-5 },
  { driver: 'lavapipe', precision: 'f32', features: [], tolerance: 1e-5 },
  { driver: 'lavapipe', precision: 'f16', features: [], tolerance: 1e-2 },
  { driver: 'lavapipe', precision: 'f16', features: ['subgroups'], tolerance: 1e-2 },
] as const;

const RUNS = 100;

const VARIANCES = /running_var$/;
const GAMMAS = /norm\d?\.weight$/;
const FILTERS = /conv\d?\.weight$/;

/** Repeats the values, one for each channel. */
const set = (names: RegExp, ...turns: readonly number[]): Change =>
  where(names, ({ values }) => values.map((_, i) => turns[i % turns.length] ?? 0));

/** Multiplies each output channel by one of the factors, in turn. */
const times = (names: RegExp, ...factors: readonly number[]): Change =>
  where(names, ({ values, shape: [channels = 1] }) =>
    values.map((value, i) => value * (factors[Math.floor((i * channels) / values.length) % factors.length] ?? 1)),
  );

/** Large negative sums beyond f16, which the next norm makes positive. */
const LIFTED = [
  where(/denselayer1\.conv2\.weight/, ({ values }) => values.map((value) => -1e5 * Math.abs(value))),
  set(/(transition1\.norm|norm5)\.running_var/, 1e11),
  set(/(transition1\.norm|norm5)\.bias/, 3),
];

/** In f16 some of these overflow: then an error is right, a wrong result never. */
const EDGES: Readonly<Record<string, readonly Change[]>> = {
  'variances of zero': [set(VARIANCES, 0)],
  'variances of 1e-12': [set(VARIANCES, 1e-12)],
  'variances of 1e12': [set(VARIANCES, 1e12)],
  'variances of 1e-12, 1 and 1e12 by turns': [set(VARIANCES, 1e-12, 1, 1e12)],
  'variances of 1e-40, a denormal': [set(VARIANCES, 1e-40)],
  'gammas of zero': [set(GAMMAS, 0)],
  'gammas of 1, 0 and -1 by turns': [set(GAMMAS, 1, 0, -1)],
  'gammas that are negative': [times(GAMMAS, -1)],
  'gammas of 1e-40, denormals': [set(GAMMAS, 1e-40)],
  'filters 1e6 times as large': [times(FILTERS, 1e6)],
  'filters 1e-10 times as large': [times(FILTERS, 1e-10)],
  'filters 1e-38 times as large, denormals': [times(FILTERS, 1e-38)],
  'filters 1e5, 1 and 1e-5 times as large by turns': [times(FILTERS, 1e5, 1, 1e-5)],
  'filters of zero': [times(FILTERS, 0)],
  'filters of 1e-6, raised again by their norms': [times(FILTERS, 1e-6), set(VARIANCES, 1e-12)],
  'sums below the range of f16 that a norm lifts': LIFTED,
};

describe.each(SETTINGS)('$precision on $driver', ({ driver, precision, features, tolerance }) => {
  let device: GPUDevice;
  beforeAll(async () => {
    if (hasDriver(driver)) device = await new CountingGpu(await dawnGpu(driver)).open(features);
  });
  afterAll(() => device?.destroy());

  const load = (model: Uint8Array) => DenseNet.load(model, { device, precision, inputSize: [SIDE, SIDE] });

  async function logitsOf(model: Uint8Array, input: Input): Promise<readonly number[]> {
    const net = await load(model);
    const { logits } = await net.run(input).finally(() => net.dispose());
    return [...logits];
  }

  it.skipIf(!hasDriver(driver))(
    `gives the same bits ${RUNS} times, between other calls, and after loading again`,
    async () => {
      const net = await load(SMALL_MODEL);
      const { logits } = await net.run(smallInput(1));
      for (let round = 0; round < RUNS / 10; round++) {
        const other = net.run(smallInput(round, 1 + (round % 3), round % 2 === 0 ? SIDE : SIDE + 4));
        const runs = await Promise.all(Array.from({ length: 10 }, () => net.run(smallInput(1))));
        for (const run of runs) expect(run.logits, `round ${round}`).toEqual(logits);
        await other;
      }
      net.dispose();
      expect(await logitsOf(SMALL_MODEL, smallInput(1))).toEqual([...logits]);
    },
  );

  it.skipIf(!hasDriver(driver)).each(Object.entries(EDGES))('%s: right, or an error', async (_, changes) => {
    const model = remake(SMALL_MODEL, changes);
    const input = smallInput(1, 2);
    const expected = forward(readModel(model).folded, input.data, input.shape).get('logits')?.values ?? [];
    const outcome = await logitsOf(model, input).catch(nameOf);
    if (typeof outcome === 'string') {
      expect(precision, `${outcome}, but nothing here is beyond f32`).toBe('f16');
      expect(outcome).toMatch(/^(PrecisionOverflowError|ModelFormatError)$/);
    } else {
      expect(relativeError(outcome, expected), `largest relative error of ${outcome}`).toBeLessThan(tolerance);
    }
  });

  it.skipIf(!hasDriver(driver))('treats denormal inputs and minus zero as zero, nearly', async () => {
    const { data, shape } = smallInput(1);
    const zero = await logitsOf(SMALL_MODEL, { data: new Float32Array(data.length), shape });
    expect(await logitsOf(SMALL_MODEL, { data: new Float32Array(data.length).fill(-0), shape })).toEqual(zero);
    const tiny = await logitsOf(SMALL_MODEL, { data: data.map((value) => value * 1e-40), shape });
    expect(relativeError(tiny, zero)).toBeLessThan(1e-6);
  });

  it.skipIf(!hasDriver(driver))('gives an image the same bits whatever else is in the batch', async () => {
    const { data, shape } = smallInput(1);
    const alone = await logitsOf(SMALL_MODEL, { data, shape });
    for (const factor of precision === 'f16' ? [0, 1e-4, 100] : [0, 1e-30, 1e30]) {
      const neighbour = smallInput(2).data.map((value) => value * factor);
      const batch = Float32Array.from([...data, ...neighbour, ...data]);
      const found = await logitsOf(SMALL_MODEL, { data: batch, shape: [3, shape[1], shape[2], shape[3]] });
      expect(found.slice(0, alone.length), `before a neighbour ${factor} times as large`).toEqual(alone);
      expect(found.slice(-alone.length), `behind a neighbour ${factor} times as large`).toEqual(alone);
    }
  });

  it.skipIf(!hasDriver(driver))('gives the right result after a call that overflowed', async () => {
    const net = await load(SMALL_MODEL);
    const input = smallInput(1);
    const { logits } = await net.run(input);
    const most = precision === 'f16' ? 6e4 : 3e38;
    const large = input.data.map((value) => Math.sign(value) * most);
    expect(await net.run({ data: large, shape: input.shape }).catch(nameOf)).toBe('PrecisionOverflowError');
    expect((await net.run(input)).logits).toEqual(logits);
    net.dispose();
  });
});

/** Of an error of this package; any other is thrown on. */
function nameOf(error: unknown): string {
  if (isDenseNetError(error)) return error.name;
  throw error;
}
