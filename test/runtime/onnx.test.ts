/** ONNX files on a real WebGPU: one of each kind of export, and models like those of the ONNX backend tests. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs/minimal.js';
import { afterEach, describe, expect, it } from 'vitest';
import { TOLERANCE } from '../../src/cli/verify.js';
import { DenseNet } from '../../src/densenet.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { readModel, writeModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { forward } from '../reference/cpu-densenet.js';
import { FIXTURES, readBytes, readReferenceFor, relativeError } from '../reference/fixtures.js';
import { encode, type GraphSpec, ints, type NodeSpec, node, tensorOf, tinyDenseNet } from '../reference/onnx-writer.js';
import { expectNoComplaints } from './counting.js';
import { sharedDevice } from './devices.js';

afterEach(expectNoComplaints);

async function modelOf(file: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const { tensors, metadata } = await importCheckpoint(file, 'model.onnx');
  return writeModel(tensors, metadata);
}

async function load(file: Uint8Array): Promise<DenseNet> {
  return DenseNet.load(await modelOf(file), { device: await sharedDevice('swiftshader') });
}

/** `count` numbers from 0 to 1, as the ONNX backend tests feed their models. */
const ramp = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => i / count);

describe.skipIf(!hasDriver('swiftshader'))('on swiftshader', () => {
  it.each([
    ['torchvision-folded', 'torchvision-module'],
    ['new-first', 'densenet3-new-first'],
  ])('%s computes what its framework computes, at every tap', async (name, of) => {
    const net = await load(readBytes(`${FIXTURES}onnx/${name}.onnx`));
    const reference = readReferenceFor(of, net);
    const { shape: [n = 0, c = 0, h = 0, w = 0] = [], values = new Float32Array() } = reference.get('input') ?? {};
    const taps = await net.taps({ data: Float32Array.from(values), shape: [n, c, h, w] });
    net.dispose();
    expect([...taps.keys(), 'input'].sort()).toEqual([...reference.keys()].sort());
    for (const [tap, { data }] of taps) {
      const error = relativeError(data, reference.get(tap)?.values ?? []);
      expect(error, `largest relative error at ${tap}`).toBeLessThan(TOLERANCE.f32);
    }
  });

  it('a model whose weights are ConstantOfShape, with scales behind its norms, computes what the plain one does', async () => {
    const shape = [1, 3, 32, 32] as const;
    const input = ramp(3 * 32 * 32);
    const net = await load(encode(light(EVEN)));
    const { logits } = await net.run({ data: input, shape });
    net.dispose();
    const { folded } = readModel(await modelOf(encode(EVEN)));
    const expected = forward(folded, input, shape).get('logits')?.values ?? [];
    expect([logits.length, new Set(logits).size]).toEqual([3, 3]);
    expect(relativeError(logits, expected)).toBeLessThan(TOLERANCE.f32);
  });

  const backendTest = fileURLToPath(new URL('../../../shared/weights/onnx-light-densenet121/', import.meta.url));

  it.skipIf(!existsSync(backendTest))(
    'light_densenet121 of the ONNX backend tests gives the stored output (../shared/weights)',
    async () => {
      const net = await load(readBytes(`${backendTest}light_densenet121.onnx`));
      const { logits } = await net.run({ data: ramp(3 * 224 * 224), shape: [1, 3, 224, 224] });
      net.dispose();
      const expected = outputOf(readBytes(`${backendTest}light_densenet121_output_0.pb`));
      expect([logits.length, expected.length]).toEqual([1000, 1000]);
      const error = relativeError(logits, expected);
      console.log(`light_densenet121: within ${error.toExponential(2)} of the stored output`);
      // The backend test's own tolerance is 2e-3.
      expect(error).toBeLessThan(TOLERANCE.f32);
    },
  );
});

/** A small network of which every tensor is one value, repeated; the head's has one for each class. */
const EVEN: GraphSpec = (() => {
  const graph = tinyDenseNet('imagenet');
  const tensors = graph.tensors.map((tensor) => {
    if (tensor.name.startsWith('fc.')) return tensor;
    const value = tensor.values.find((candidate) => candidate !== 0) ?? 1;
    return { ...tensor, values: tensor.values.map(() => value) };
  });
  return { ...graph, opset: 9, tensors };
})();

/** The same network as the ONNX backend tests write theirs: no weights but shapes, and norms that Mul and Add scale. */
function light(graph: GraphSpec): GraphSpec {
  const [kept, repeated] = [graph.tensors.filter(isHead), graph.tensors.filter((tensor) => !isHead(tensor))];
  const neutral = graph.nodes.filter(isNorm).flatMap(({ name, inputs: [, scale = ''] }) => {
    const { dims } = tensorOf(graph, scale);
    return [
      { name: `${name}.one`, dims, values: [1] },
      { name: `${name}.zero`, dims, values: [0] },
    ];
  });
  const made = [...repeated, ...neutral];
  const constants = made.map(({ name, values: [value = 0] }) => {
    const one = { name: '', dims: [1], values: [value] };
    return node(name, 'ConstantOfShape', [`${name}.dims`], { value: one });
  });
  const nodes = graph.nodes.flatMap((item) => (isNorm(item) ? scaled(item) : [item]));
  const shapes = made.map(({ name, dims }) => ints(`${name}.dims`, dims));
  return { ...graph, nodes: [...constants, ...nodes], tensors: [...kept, ...shapes] };
}

const isNorm = ({ op }: NodeSpec): boolean => op === 'BatchNormalization';
const isHead = ({ name }: { readonly name: string }): boolean => name.startsWith('fc.');

/** A norm without scale and shift, and these as operations behind it. */
function scaled(norm: NodeSpec): NodeSpec[] {
  const [x = '', scale = '', shift = '', ...moments] = norm.inputs;
  const { name } = norm;
  return [
    { ...norm, name: `${name}.plain`, inputs: [x, `${name}.one`, `${name}.zero`, ...moments] },
    node(`${name}.by`, 'Unsqueeze', [scale], { axes: [1, 2] }),
    node(`${name}.scaled`, 'Mul', [`${name}.plain`, `${name}.by`]),
    node(`${name}.plus`, 'Unsqueeze', [shift], { axes: [1, 2] }),
    node(name, 'Add', [`${name}.scaled`, `${name}.plus`]),
  ];
}

/** The values of a `TensorProto` file: its `raw_data`, field 9. */
function outputOf(file: Uint8Array): Float32Array {
  const reader = new protobuf.Reader(file);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === 9) return new Float32Array(reader.bytes().slice().buffer);
    reader.skipType(tag & 7);
  }
  return new Float32Array();
}
