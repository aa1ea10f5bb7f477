/** Keras and TensorFlow.js files of every kind → the numbers that Keras computed. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ImportOptions, importCheckpoint } from '../../src/import/checkpoint.js';
import { toFloat32 } from '../../src/tensor/tensor.js';
import { readModel, writeModel } from '../../src/weights/model-file.js';
import { forward } from '../reference/cpu-densenet.js';
import { FIXTURES, readBytes, readReferenceFor, relativeError } from '../reference/fixtures.js';

const FOLDER = `${FIXTURES}keras/`;

/** One row per file of `make_keras.py`: the reference whose taps it must give, and what else it says. */
interface Expected {
  readonly format: 'keras-h5' | 'keras' | 'tfjs';
  readonly reference: string;
  readonly activation?: 'softmax' | 'sigmoid';
  readonly concat?: 'new-first';
}

const EXPECTED: Readonly<Record<string, Expected>> = {
  'keras2.h5': { format: 'keras-h5', reference: 'keras3', activation: 'softmax' },
  'keras2-weights.h5': { format: 'keras-h5', reference: 'keras3' },
  'keras2-transfer.keras': { format: 'keras', reference: 'keras2-transfer', activation: 'sigmoid' },
  'keras3.keras': { format: 'keras', reference: 'keras3', activation: 'softmax' },
  'keras3.weights.h5': { format: 'keras-h5', reference: 'keras3' },
  'keras-cifar.h5': { format: 'keras-h5', reference: 'keras-cifar', activation: 'softmax' },
  'keras-new-first.keras': {
    format: 'keras',
    reference: 'keras-new-first',
    activation: 'softmax',
    concat: 'new-first',
  },
  'tfjs/model.json': { format: 'tfjs', reference: 'keras3', activation: 'softmax' },
};

function importFixture(name: string, options: ImportOptions = {}) {
  const path = join(FOLDER, name);
  return importCheckpoint(readBytes(path), name, {
    readSibling: async (file) => readBytes(join(dirname(path), file)),
    ...options,
  });
}

describe('a Keras or TensorFlow.js file gives what Keras computes', () => {
  it('has a row here for every model among the fixtures', () => {
    const files = readdirSync(FOLDER).filter((file) => /\.(h5|keras)$/.test(file));
    expect(files.sort()).toEqual(
      Object.keys(EXPECTED)
        .filter((name) => !name.startsWith('tfjs'))
        .sort(),
    );
  });

  for (const [name, { format, reference: of, ...said }] of Object.entries(EXPECTED)) {
    it(`${name}: imports, is written, read back and computes every tap`, async () => {
      const { tensors, metadata, source } = await importFixture(name);
      const isWhole = said.activation !== undefined;
      expect(source).toEqual({ format, scheme: isWhole ? 'by topology' : 'keras', fileName: name });
      expect(metadata).toEqual({
        ...{ bnEpsilon: 1.001e-5, activation: 'softmax', ...said, activationOrigin: isWhole ? 'file' : 'assumed' },
        ...(isWhole ? {} : { assumed: ['stem-stride', 'stem-pool', 'concat', 'final-relu', 'pooling', 'epsilon'] }),
      });
      const { folded } = readModel(writeModel(tensors, metadata));
      const reference = readReferenceFor(`keras/${of}`, { config: folded.config, metadata });
      const { shape: [n = 0, c = 0, h = 0, w = 0] = [], values: input } = reference.get('input') ?? { values: [] };
      const taps = forward(folded, input, [n, c, h, w]);
      expect([...taps.keys(), 'input'].sort()).toEqual([...reference.keys()].sort());
      const errors = [...taps].map(([tap, { values, shape }]) => {
        expect(shape, tap).toEqual(reference.get(tap)?.shape);
        return { tap, error: relativeError(values, reference.get(tap)?.values ?? []) };
      });
      const worst = errors.reduce((a, b) => (a.error >= b.error ? a : b));
      expect(worst.error, `worst tap ${JSON.stringify(worst)}`).toBeLessThan(1e-5);
    });
  }
});

it('all files of one net give the same weights, bit for bit', async () => {
  const ofOne = Object.entries(EXPECTED).filter(([, { reference }]) => reference === 'keras3');
  expect(ofOne.length).toBe(5);
  const [first, ...others] = await Promise.all(ofOne.map(([name]) => importFixture(name)));
  for (const { tensors, source } of others) {
    expect([...tensors.keys()].sort(), source.fileName).toEqual([...(first?.tensors.keys() ?? [])].sort());
    for (const [name, tensor] of tensors) {
      const same = first?.tensors.get(name) ?? raise(name);
      expect(tensor.shape, `${source.fileName}: ${name}`).toEqual(same.shape);
      expect(toFloat32(tensor), `${source.fileName}: ${name}`).toEqual(toFloat32(same));
    }
  }
});

describe('what the config says decides', () => {
  it('an epsilon of one norm that differs goes into its variance', async () => {
    const { tensors, config } = await importFixture('keras-cifar.h5');
    // make_keras.py gives the second norm 1e-3 and the last 1.001e-5, which is the least.
    expect(config.bnEpsilon).toBe(1.001e-5);
    const least = (name: string) => Math.min(...toFloat32(tensors.get(`${name}.running_var`) ?? raise(name)));
    expect(least('features.denseblock1.denselayer2.norm1')).toBeGreaterThan(1e-3 - 1.001e-5);
  });

  it('an option that contradicts it is an error', async () => {
    await expect(importFixture('keras3.keras', { concat: 'new-first' })).rejects.toThrow(
      'concat is new-first, but the graph in "keras3.keras" has old-first: leave it out',
    );
  });
});

describe('quantised TensorFlow.js weights', () => {
  it('come within half a step of the floats, in each of the three forms', async () => {
    const [whole, quantised] = [
      await importFixture('tfjs/model.json'),
      await importFixture('tfjs-quantised/model.json'),
    ];
    const { weightsManifest } = JSON.parse(readFileSync(join(FOLDER, 'tfjs-quantised/model.json'), 'utf8'));
    const forms = new Set<string>();
    for (const { quantization } of weightsManifest[0].weights) forms.add(quantization?.dtype ?? 'none');
    expect([...forms].sort()).toEqual(['float16', 'none', 'uint16', 'uint8']);
    const steps: number[] = weightsManifest[0].weights.map(
      (entry: { quantization?: { scale?: number } }) => entry.quantization?.scale ?? 0,
    );
    let worst = 0;
    for (const [name, tensor] of whole.tensors) {
      const found = toFloat32(quantised.tensors.get(name) ?? raise(name));
      const expected = toFloat32(tensor);
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      for (const [i, value] of expected.entries()) {
        const error = Math.abs(value - (found[i] ?? Number.NaN));
        worst = Math.max(worst, error);
        expect(error, `${name}[${i}]`).toBeLessThanOrEqual(Math.max(0.51 * Math.max(...steps), largest * 2 ** -11));
      }
    }
    expect(worst).toBeGreaterThan(1e-5);
  });
});

describe('weights without names', () => {
  it('are taken in the order of their numbers when the epsilon is said, and only then', async () => {
    const { unnamed, reference } = await withoutNames();
    await expect(importCheckpoint(unnamed, 'old.weights.h5')).rejects.toThrow(
      /holds weights alone.*--epsilon 1.001e-5/,
    );
    const { tensors } = await importCheckpoint(unnamed, 'old.weights.h5', { bnEpsilon: 1.001e-5 });
    for (const [name, { bytes }] of reference) expect(tensors.get(name)?.bytes, name).toEqual(bytes);
  });
});

/** keras3.weights.h5 as the first releases of Keras 3 wrote it: without the attribute `name`. */
async function withoutNames() {
  const unnamed = readBytes(join(FOLDER, 'keras3.weights.h5')).slice();
  const { tensors: reference } = await importCheckpoint(unnamed.slice(), 'keras3.weights.h5');
  const attribute = Buffer.from('name\0\0\0\0');
  const file = Buffer.from(unnamed.buffer);
  let count = 0;
  for (let at = file.indexOf(attribute); at >= 0; at = file.indexOf(attribute, at + 1), count++) file.write('else', at);
  expect(count).toBeGreaterThan(30);
  return { unnamed, reference };
}

function raise(name: string): never {
  throw new Error(`${name} is missing`);
}
