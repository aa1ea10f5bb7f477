/** Networks that differ from a plain DenseNet in stem, head or last ReLU, on a real WebGPU, against their frameworks. */
import { afterEach, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { TOLERANCE } from '../../src/cli/verify.js';
import { DenseNet } from '../../src/densenet.js';
import { type ImportOptions, importCheckpoint } from '../../src/import/checkpoint.js';
import type { HeadFold } from '../../src/model/model.js';
import { PRESETS } from '../../src/preprocess/presets.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import { toFloat32 } from '../../src/tensor/tensor.js';
import { readModel, writeModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { ACTIVATIONS } from '../reference/cpu-densenet.js';
import { FIXTURES, readBytes, relativeError } from '../reference/fixtures.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { picture } from './models.js';

afterEach(expectNoComplaints);

const FOLDER = `${FIXTURES}import/`;
const REFERENCES = readSafetensors(readBytes(`${FOLDER}references.safetensors`)).tensors;

const CASES: readonly (readonly [file: string, options: ImportOptions])[] = [
  ['stem3-pool-module.pth', {}],
  ['stem3-stride2-module.pth', {}],
  ['stem7-stride1-module.pth', {}],
  ['no-final-relu-module.pth', {}],
  ['two-layer-head.pth', {}],
  ['tanh-head-module.pth', {}],
  ['gelu-elu-head-module.pth', {}],
  ['gelu-tanh-head-module.pth', {}],
  ['fastai-state.pth', {}],
  ['one-class.pth', {}],
];

async function load(file: string, options: ImportOptions, precision: 'f32' | 'f16'): Promise<DenseNet> {
  const { tensors, metadata } = await importCheckpoint(readBytes(FOLDER + file), file, options);
  const { gpu } = new CountingGpu(await dawnGpu('swiftshader'), { features: [] });
  return DenseNet.load(writeModel(tensors, metadata), { gpu, precision, weights: precision });
}

function reference(name: string) {
  const tensor = REFERENCES.get(name);
  if (!tensor) throw new Error(`references.safetensors has no ${name}`);
  return { shape: tensor.shape, data: toFloat32(tensor) };
}

/** The dense layers alone. */
function headLogits({ hidden, weight, bias }: HeadFold, x: Float64Array): Float64Array {
  const layer = (from: Float64Array, { weight: w, bias: b }: Pick<HeadFold, 'weight' | 'bias'>) =>
    Float64Array.from(b, (value, o) => from.reduce((sum, xi, i) => sum + xi * (w[o * from.length + i] ?? 0), value));
  return layer(
    hidden.reduce((from, fold) => layer(from, fold).map(ACTIVATIONS[fold.activation]), x),
    { weight, bias },
  );
}

describe.skipIf(!hasDriver('swiftshader'))('on swiftshader', () => {
  it.each(['tanh-head-module', 'gelu-elu-head-module', 'gelu-tanh-head-module'])(
    'explains the head of %s by its linearisation: the map’s mean is how the logit follows the features',
    async (name) => {
      const { tensors, metadata } = await importCheckpoint(readBytes(`${FOLDER}${name}.pth`), name);
      const preprocess = { ...PRESETS['rescale-32'], resize: { kind: 'none' } } as const;
      const model = writeModel(tensors, { ...metadata, preprocess });
      const { gpu } = new CountingGpu(await dawnGpu('swiftshader'), { features: [] });
      const net = await DenseNet.load(model, { gpu, inputSize: [16, 16] });
      const features = Float64Array.from((await net.embed(picture(3, 16, 16))).data);
      const { head } = readModel(model).folded;
      for (let classIndex = 0; classIndex < net.config.classes; classIndex++) {
        const { values } = await net.explain(picture(3, 16, 16), { classIndex });
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        const logit = (x: Float64Array) => headLogits(head, x)[classIndex] ?? Number.NaN;
        const step = 1e-5;
        const slopes = features.map((_, c) => {
          const moved = (by: number) => features.map((value, i) => (i === c ? value + by : value));
          return (logit(moved(step)) - logit(moved(-step))) / (2 * step);
        });
        const expected = slopes.reduce((sum, slope, c) => sum + slope * (features[c] ?? 0), 0);
        expect(Math.abs(mean - expected) / Math.max(...slopes.map(Math.abs))).toBeLessThan(1e-4);
      }
      net.dispose();
    },
  );

  it('gives the features of a network without a classifier, and says what needs one', async () => {
    const { tensors, metadata } = await importCheckpoint(readBytes(`${FOLDER}no-head-module.pth`), 'no-head');
    const preprocess = { ...PRESETS['rescale-32'], resize: { kind: 'none' } } as const;
    const { gpu } = new CountingGpu(await dawnGpu('swiftshader'), { features: [] });
    const net = await DenseNet.load(writeModel(tensors, { ...metadata, preprocess }), { gpu, inputSize: [16, 16] });
    const { shape, data } = reference('no-head-module.input');
    const [n = 0, c = 0, h = 0, w = 0] = shape;
    const input = { data: Float32Array.from(data), shape: [n, c, h, w] } as const;
    const taps = await net.taps(input);
    expect([...taps.keys()]).toEqual(['stem', 'block1', 'block2', 'final', 'pooled']);
    const pooled = taps.get('pooled')?.data ?? [];
    expect(relativeError(pooled, reference('no-head-module.logits').data)).toBeLessThan(TOLERANCE.f32);
    const image = picture(3, 16, 16);
    expect((await net.embed(image)).shape).toEqual([1, 5]);
    expect((await net.profile(image)).steps.map(({ name }) => name).at(-1)).toBe('pool');
    const calls = { classify: net.classify(image), explain: net.explain(image), run: net.run(input) };
    for (const [what, call] of Object.entries(calls)) {
      await expect(call).rejects.toMatchObject({ name: 'OptionError', option: what });
      await expect(call).rejects.toThrow(`${what}() needs a classifier, and this model file has none: call embed() or`);
    }
    net.dispose();
  });

  for (const precision of ['f32', 'f16'] as const) {
    const cases = precision === 'f32' ? CASES : CASES.filter(([file]) => /final|two|fastai/.test(file));
    it.each(cases)(`${precision}: %s computes what its framework computes`, async (file, options) => {
      const name = file.replace(/\.\w+$/, '');
      const net = await load(file, options, precision);
      const { shape, data } = reference(`${name}.input`);
      const [n = 0, c = 0, h = 0, w = 0] = shape;
      const { logits } = await net.run({ data: Float32Array.from(data), shape: [n, c, h, w] });
      const taps = await net.taps({ data: Float32Array.from(data), shape: [n, c, h, w] });
      net.dispose();
      const expected = reference(`${name}.logits`).data;
      expect(relativeError(logits, expected)).toBeLessThan(TOLERANCE[precision]);
      expect(relativeError(taps.get('logits')?.data ?? [], expected)).toBeLessThan(TOLERANCE[precision]);
    });
  }
});
