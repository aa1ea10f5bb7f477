/** ONNX files as exporters write them → the numbers that the source framework computed. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { operations } from '../../src/bench/graph.js';
import { onnxModel } from '../../src/bench/onnx.js';
import { randomModel } from '../../src/bench/random-model.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { familyConfig } from '../../src/model/family.js';
import type { FoldedModel } from '../../src/model/model.js';
import { readModel, writeModel } from '../../src/weights/model-file.js';
import { forward } from '../reference/cpu-densenet.js';
import { FIXTURES, readBytes, readReferenceFor, relativeError } from '../reference/fixtures.js';

/** One row per fixture of `make_onnx.py` and `make_onnx_keras.py`: whose taps it must give, and what else the graph shows. */
interface Expected {
  readonly reference: string;
  readonly activation?: 'softmax' | 'sigmoid';
  readonly concat?: 'new-first';
}

const EXPECTED: Readonly<Record<string, Expected>> = {
  'torchvision-folded': { reference: 'torchvision-module' },
  'torchvision-unfolded': { reference: 'torchvision-grey' },
  'torchvision-dynamo': { reference: 'torchvision-module' },
  'torchvision-dynamo-raw': { reference: 'torchvision-module' },
  'torchvision-fp16': { reference: 'onnx/torchvision-fp16' },
  'timm-opset9': { reference: 'timm' },
  'plain-opset7': { reference: 'densenet3-plain' },
  'new-first': { reference: 'densenet3-new-first', concat: 'new-first' },
  'pool-first': { reference: 'densenet3-bias', activation: 'sigmoid' },
  'stem-norm-folded': { reference: 'efficient-densenet-norm0' },
  'caffe2-opset6': { reference: 'torchvision-module' },
  'caffe2-opset9': { reference: 'torchvision-module' },
  keras3: { reference: 'keras/keras3', activation: 'softmax' },
  'keras-cifar': { reference: 'keras/keras-cifar', activation: 'softmax' },
  converted: { reference: 'torchvision-module', activation: 'softmax' },
};

const importFixture = (name: string) => importCheckpoint(readBytes(`${FIXTURES}onnx/${name}.onnx`), `${name}.onnx`);

describe('an ONNX file gives what the network it was exported from computes', () => {
  it('has a row here for every fixture', () => {
    const files = readdirSync(`${FIXTURES}onnx`).filter((file) => file.endsWith('.onnx'));
    expect(files.sort()).toEqual(
      Object.keys(EXPECTED)
        .map((name) => `${name}.onnx`)
        .sort(),
    );
  });

  for (const [name, { reference: of, ...shown }] of Object.entries(EXPECTED)) {
    it(`${name}: imports, is written, read back and computes every tap`, async () => {
      const { tensors, metadata, source } = await importFixture(name);
      expect(source).toEqual({ format: 'onnx', scheme: 'by topology', fileName: `${name}.onnx` });
      const activationOrigin = shown.activation ? 'file' : 'assumed';
      expect(metadata).toEqual({ bnEpsilon: 1e-5, activation: 'softmax', ...shown, activationOrigin });
      const { folded } = readModel(writeModel(tensors, metadata));
      const reference = readReferenceFor(of, { config: folded.config, metadata });
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

describe('where the bytes come from', () => {
  it('does not matter: a Node Buffer may begin at any offset', async () => {
    const file = readBytes(`${FIXTURES}onnx/torchvision-folded.onnx`);
    const { tensors, metadata } = await importFixture('torchvision-folded');
    for (const offset of [0, 1, 2, 3]) {
      const buffer = Buffer.alloc(offset + file.length).subarray(offset);
      buffer.set(file);
      const found = await importCheckpoint(buffer, 'buffer.onnx');
      expect(Buffer.compare(writeModel(found.tensors, metadata), writeModel(tensors, metadata)), `${offset}`).toBe(0);
    }
  });

  it.each(['densenet121', 'densenet-40-12', 'densenet-bc-100-12'])(
    '%s as the benchmark hands it to ONNX Runtime comes back as it went',
    async (name) => {
      const { folded } = readModel(randomModel(familyConfig(name), 1));
      const file = onnxModel(operations(folded), [1, 3, 64, 64], folded.config.classes);
      const { tensors, metadata } = await importCheckpoint(file, 'bench.onnx');
      const back = readModel(writeModel(tensors, metadata)).folded;
      expect(back.config).toEqual(folded.config);
      // Norms are folded on the way there, and made again from scale and shift on the way back.
      const pairs = valuesOf(folded).map((values, i) => relativeError(valuesOf(back)[i] ?? [], values));
      expect(Math.max(...pairs)).toBeLessThan(2e-7);
    },
  );
});

function valuesOf({ stem, blocks, head }: FoldedModel): Float32Array[] {
  const convs = blocks.flatMap(({ layers, transition }) => [
    ...layers.flatMap(({ norm, reduce, conv }) => [
      norm.scale,
      norm.shift,
      ...(reduce ? [reduce.weight, reduce.bias] : []),
      conv.weight,
    ]),
    ...(transition ? [transition.norm.scale, transition.norm.shift, transition.conv.weight] : []),
  ]);
  return [stem.weight, ...convs, head.norm.scale, head.norm.shift, head.weight, head.bias];
}
