/** Networks that differ from a plain DenseNet in stem, head or last ReLU, on a real WebGPU, against their frameworks. */
import { afterEach, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { TOLERANCE } from '../../src/cli/verify.js';
import { DenseNet } from '../../src/densenet.js';
import { type ImportOptions, importCheckpoint } from '../../src/import/checkpoint.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import { toFloat32 } from '../../src/tensor/tensor.js';
import { writeModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { FIXTURES, readBytes, relativeError } from '../reference/fixtures.js';
import { CountingGpu, expectNoComplaints } from './counting.js';

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

describe.skipIf(!hasDriver('swiftshader'))('on swiftshader', () => {
  for (const precision of ['f32', 'f16'] as const) {
    it.each(CASES)(`${precision}: %s computes what its framework computes`, async (file, options) => {
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
