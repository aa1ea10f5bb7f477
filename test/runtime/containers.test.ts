/** Every naming scheme in every file format of PyTorch and safetensors: imported, run and verified. */
import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { TOLERANCE } from '../../src/cli/verify.js';
import { DenseNet } from '../../src/densenet.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { writeModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { FIXTURES, readBytes, readReferenceFor, relativeError } from '../reference/fixtures.js';
import { CountingGpu, expectNoComplaints } from './counting.js';

afterEach(expectNoComplaints);

/** The scheme and metadata expected of each network of `make_containers.py`. */
const NETS = {
  torchvision: { scheme: 'torchvision', metadata: {} },
  'torchvision-download': { scheme: 'torchvision-download', metadata: {} },
  timm: { scheme: 'torchvision', metadata: {} },
  torchxrayvision: {
    scheme: 'torchvision',
    metadata: { activation: 'sigmoid', thresholds: [0.5, 0.125, null, 0.75] },
  },
  monai: { scheme: 'monai', metadata: {} },
  'efficient-densenet': { scheme: 'torchvision', metadata: {} },
  densenet3: { scheme: 'densenet3', metadata: {} },
  pytorchcv: { scheme: 'pytorchcv', metadata: {} },
  'pytorchcv-cifar': { scheme: 'pytorchcv', metadata: {} },
  'dense-trans': { scheme: 'dense-trans', metadata: { concat: 'new-first' }, options: { concat: 'new-first' } },
} as const;

/** Zip and legacy streams, of state dicts and of modules; each type of safetensors. TorchScript for one. */
const CONTAINERS = [
  ...['zip.pth', 'legacy.pth', 'module.pth', 'legacy-module.pth'],
  ...['f32.safetensors', 'f16.safetensors', 'bf16.safetensors', 'f64.safetensors'],
];

const FILES = readdirSync(`${FIXTURES}containers`);

describe.each(Object.entries(NETS))('%s', (name, { scheme, metadata, ...rest }) => {
  const options = 'options' in rest ? rest.options : {};
  const files = FILES.filter((file) => file.startsWith(`${name}.`) && !file.endsWith('.reference.safetensors'));
  const read = async (file: string) => {
    const imported = await importCheckpoint(readBytes(`${FIXTURES}containers/${file}`), file, options);
    return {
      imported,
      model: writeModel(imported.tensors, imported.metadata),
      tensors: writeModel(imported.tensors, {}),
    };
  };

  it('imports to the same bytes from every file', async () => {
    expect(files).toEqual(expect.arrayContaining(CONTAINERS.map((container) => `${name}.${container}`)));
    const { tensors } = await read(`${name}.zip.pth`);
    for (const file of files) {
      const found = await read(file);
      expect(found.imported.source, file).toMatchObject({
        scheme: file.endsWith('.script.pt') ? 'by topology' : scheme,
      });
      const { assumed = [], activationOrigin, ...said } = found.imported.metadata;
      // A module's objects say what tensors alone do not.
      const isModule = file.includes('module') || file.endsWith('.pt');
      expect(said, file).toEqual({ activation: 'softmax', ...metadata, ...(isModule ? { bnEpsilon: 1e-5 } : {}) });
      expect(assumed.includes('stem-stride'), `${file} assumes ${assumed}`).toBe(!isModule);
      expect(activationOrigin, file).toBe('activation' in metadata ? 'file' : 'assumed');
      expect(Buffer.compare(found.tensors, tensors), file).toBe(0);
    }
  });

  it.skipIf(!hasDriver('swiftshader'))('computes what its framework computes, at every tap', async () => {
    const { gpu } = new CountingGpu(await dawnGpu('swiftshader'), { features: [] });
    const net = await DenseNet.load((await read(`${name}.zip.pth`)).model, { gpu });
    const reference = readReferenceFor(`containers/${name}`, net);
    const { shape: [n = 0, c = 0, h = 0, w = 0] = [], values = new Float32Array() } = reference.get('input') ?? {};
    const taps = await net.taps({ data: Float32Array.from(values), shape: [n, c, h, w] });
    net.dispose();
    expect([...taps.keys(), 'input'].sort()).toEqual([...reference.keys()].sort());
    for (const [tap, { data, shape }] of taps) {
      expect(shape, tap).toEqual(reference.get(tap)?.shape);
      const error = relativeError(data, reference.get(tap)?.values ?? []);
      expect(error, `largest relative error at ${tap}`).toBeLessThan(TOLERANCE.f32);
    }
  });
});
