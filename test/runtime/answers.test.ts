/** The same input gives the same result in any batch, position, order and session. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { shapeKey } from '../../src/kernels/shape.js';
import { candidates, variantKey } from '../../src/kernels/variants.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import { floatTensor, toFloat32 } from '../../src/tensor/tensor.js';
import { modelFromTensors, readModel, writeModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { forward } from '../reference/cpu-densenet.js';
import { relativeError } from '../reference/fixtures.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { sharedDevice } from './devices.js';
import { type Input, modelOf, picture, SIDE, SMALL, SMALL_MODEL, smallInput } from './models.js';

afterEach(expectNoComplaints);

const INPUT_SIZE = [SIDE, SIDE] as const;

const logitsOf = async (net: DenseNet, input: Input): Promise<number[]> => [...(await net.run(input)).logits];

/** Concatenates inputs into a batch. */
function stack(inputs: readonly Input[]): Input {
  const [, c, h, w] = inputs[0]?.shape ?? [0, 0, 0, 0];
  const data = new Float32Array(inputs.length * c * h * w);
  for (const [i, input] of inputs.entries()) data.set(input.data, i * c * h * w);
  return { data, shape: [inputs.length, c, h, w] };
}

/** Wide tiles in f32; narrow tiles and subgroups in f32; f16. */
const SETTINGS = [
  { driver: 'swiftshader', precision: 'f32', features: [], isFallback: false },
  { driver: 'swiftshader', precision: 'f32', features: ['subgroups'] },
  { driver: 'lavapipe', precision: 'f16', features: ['subgroups'] },
] as const;

describe.each(SETTINGS)('$precision on $driver with features [$features]', ({ driver, precision, ...adapter }) => {
  it.skipIf(!hasDriver(driver))(
    'a batch gives the same bits as its images alone, in any position, 20 times',
    async () => {
      const { gpu } = new CountingGpu(await dawnGpu(driver), adapter);
      const net = await DenseNet.load(SMALL_MODEL, { gpu, precision, inputSize: INPUT_SIZE });
      const inputs = [1, 2, 3].map((seed) => smallInput(seed));
      const alone: number[][] = [];
      for (const input of inputs) alone.push(await logitsOf(net, input));
      for (const order of [
        [0, 1, 2],
        [2, 0, 1],
        [1, 1, 1],
      ]) {
        const batch = stack(order.flatMap((i) => inputs.slice(i, i + 1)));
        expect(await logitsOf(net, batch)).toEqual(order.flatMap((i) => alone[i] ?? []));
      }
      for (let i = 0; i < 20; i++) expect(await logitsOf(net, smallInput(1))).toEqual(alone[0]);
      net.dispose();
    },
  );
});

describe.skipIf(!hasDriver('swiftshader'))('answers', () => {
  let device: GPUDevice;
  beforeAll(async () => {
    device = await sharedDevice('swiftshader');
  });

  it('with and without subgroups agree with double precision to 1e-5', async () => {
    const input = smallInput(4, 2);
    const expected = forward(readModel(SMALL_MODEL).folded, input.data, input.shape).get('logits')?.values ?? [];
    for (const features of [[], ['subgroups'] as const]) {
      const own = await sharedDevice('swiftshader', { features });
      const net = await DenseNet.load(SMALL_MODEL, { device: own, inputSize: INPUT_SIZE });
      expect(net.adapter.features.includes('subgroups')).toBe(features.length > 0);
      expect(relativeError(await logitsOf(net, input), expected)).toBeLessThan(1e-5);
      net.dispose();
    }
  });

  it('a batch on other tiles gives the same bits as its images alone', async () => {
    const model = await modelOf('densenet3-bc');
    const many = 12;
    const single = await DenseNet.load(model, { device });
    const untuned = await DenseNet.load(model, { device, batch: many });
    const tuned = lastTiles(untuned);
    untuned.dispose();
    const batched = await DenseNet.load(model, { device, batch: many, tuned });
    const tiles = ({ plan }: DenseNet) => plan.steps.map(({ variant }) => variant);
    expect(tiles(batched), 'or this tests nothing').not.toEqual(tiles(single));
    const inputs = Array.from({ length: many }, (_, seed) => smallInput(seed, 1, 32));
    const together = await logitsOf(batched, stack(inputs));
    for (const [i, input] of inputs.entries())
      expect(together.slice(i * 10, (i + 1) * 10), `picture ${i}`).toEqual(await logitsOf(single, input));
    single.dispose();
    batched.dispose();
  });

  it('50 interleaved calls of three sizes and batches each get their own result', async () => {
    const net = await DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE });
    const inputs = Array.from({ length: 50 }, (_, i) => smallInput(i, 1 + (i % 2), i % 3 === 0 ? SIDE : SIDE + 4));
    const together = await Promise.all(inputs.map((input) => logitsOf(net, input)));
    const reference = readModel(SMALL_MODEL).folded;
    for (const [i, input] of inputs.entries()) {
      expect(together[i], `call ${i}`).toEqual(await logitsOf(net, input));
      const expected = forward(reference, input.data, input.shape).get('logits')?.values ?? [];
      expect(relativeError(together[i] ?? [], expected), `call ${i}`).toBeLessThan(1e-5);
    }
    net.dispose();
  });

  it('two networks on one device do not affect each other, nor does disposing of one', async () => {
    const nets = [
      await DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE }),
      await DenseNet.load(permuted(SMALL_MODEL, [4, 3, 2, 1, 0]), { device, inputSize: INPUT_SIZE }),
    ];
    const ask = (seed: number) => Promise.all(nets.map((net) => logitsOf(net, smallInput(seed))));
    const alone = await ask(1);
    const all = await Promise.all([1, 2, 1, 3, 1].map(ask));
    for (const i of [0, 2, 4]) expect(all[i]).toEqual(alone);
    nets[0]?.dispose();
    expect(await (nets[1] && logitsOf(nets[1], smallInput(1)))).toEqual(alone[1]);
    nets[1]?.dispose();
  });

  it('permuted classes permute the logits', async () => {
    const order = [3, 0, 4, 1, 2];
    const [a, b] = [
      await DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE }),
      await DenseNet.load(permuted(SMALL_MODEL, order), { device, inputSize: INPUT_SIZE }),
    ];
    const [logits, moved] = [await logitsOf(a, smallInput(5)), await logitsOf(b, smallInput(5))];
    expect(moved).toEqual(order.map((from) => logits[from]));
    a.dispose();
    b.dispose();
  });

  it('a tensor on the GPU gives what the same tensor on the CPU gives', async () => {
    const net = await DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE });
    const { data, shape } = smallInput(6);
    const buffer = device.createBuffer({
      size: data.byteLength + 64,
      usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(buffer, 0, data);
    expect((await net.run({ data: buffer, shape })).logits).toEqual((await net.run({ data, shape })).logits);
    net.dispose();
  });

  it('taps are what the network computes without them', async () => {
    const net = await DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE });
    const taps = await net.taps(smallInput(7, 2));
    expect([...(taps.get('logits')?.data ?? [])]).toEqual(await logitsOf(net, smallInput(7, 2)));
    net.dispose();
  });

  it('intermediates of an image end in the features and logits of the same image', async () => {
    const net = await DenseNet.load(await modelOf('densenet3-bc', 'cifar10'), { device });
    const found = await net.intermediates([picture(3), picture(4)]);
    expect([...found.keys()]).toEqual(['stem', 'block1', 'block2', 'block3', 'final', 'pooled', 'logits']);
    expect(found.get('pooled')).toEqual(await net.embed([picture(3), picture(4)]));
    const [first] = await net.classify(picture(3));
    const logits = [...(found.get('logits')?.data ?? [])].slice(0, net.config.classes);
    expect(logits.indexOf(Math.max(...logits))).toBe(first?.index);
    net.dispose();
  });

  it('intermediates can be asked for by name, and those that are no maps keep no memory', async () => {
    const net = await DenseNet.load(await modelOf('densenet3-bc', 'cifar10'), { device });
    const pictures = [picture(3), picture(4)];
    await net.classify(pictures);
    const { arenaBytes } = net.memory;
    const vectors = await net.intermediates(pictures, { only: ['scores', 'pooled', 'logits', 'scores'] });
    expect(net.memory.arenaBytes).toBe(arenaBytes);
    const all = await net.intermediates(pictures);
    expect([...vectors.keys()]).toEqual(['scores', 'pooled', 'logits']);
    for (const name of ['pooled', 'logits']) expect(vectors.get(name)).toEqual(all.get(name));
    const rows = await net.classify(pictures, { topK: net.config.classes });
    const scores = rows.flatMap((row) => row.sort((a, b) => a.index - b.index).map(({ probability }) => probability));
    expect([...(vectors.get('scores')?.data ?? [])]).toEqual(scores);
    expect(await net.intermediates(pictures, { only: ['block2'] })).toEqual(new Map([['block2', all.get('block2')]]));
    await expect(net.intermediates(pictures, { only: ['block9'] })).rejects.toThrow(
      'there is no intermediate "block9": there are stem, block1, block2, block3, final, pooled, logits, scores',
    );
    await expect(net.intermediates(pictures, { only: [] })).rejects.toThrow(/^only is \[\]: make it a list of names/);
    net.dispose();
  });

  it('explain() is exact: the mean of a class’s map plus its bias is its logit', async () => {
    const model = await modelOf('densenet3-bc', 'cifar10');
    const net = await DenseNet.load(model, { device });
    const biases = readModel(model).folded.head.bias;
    const logits: number[] = [];
    for (let classIndex = 0; classIndex < net.config.classes; classIndex++) {
      const { values } = await net.explain(picture(3), { classIndex });
      logits.push(values.reduce((sum, value) => sum + value, 0) / values.length + (biases[classIndex] ?? 0));
    }
    // classify() returns the softmax of the logits.
    const scores = await net.classify(picture(3), { topK: net.config.classes });
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    for (const { index, probability } of scores)
      expect(Math.exp(logits[index] ?? Number.NaN) / total / probability).toBeCloseTo(1, 4);
    expect((await net.explain(picture(3))).classIndex).toBe(scores[0]?.index);
    expect((await net.embed(picture(3))).shape).toEqual([1, net.plan.finalLayout.channels]);
    net.dispose();
  });

  it('ranks more classes than the GPU can, with probabilities that sum to one', async () => {
    const net = await DenseNet.load(await modelOf('densenet3-bc', 'cifar10'), { device });
    const all = await net.classify(picture(5), { topK: 1000 });
    expect(all).toHaveLength(net.config.classes);
    expect(all.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
    const few = await net.classify(picture(5), { topK: 3 });
    expect(few.map(({ index }) => index)).toEqual(all.slice(0, 3).map(({ index }) => index));
    expect(await net.classify([picture(5), picture(6)], { topK: 1 })).toHaveLength(2);
    expect(await net.classify([])).toEqual([]);
    net.dispose();
  });
});

/** The model with its classes in another order: class i is what class `order[i]` was. */
function permuted(model: Uint8Array, order: readonly number[]): Uint8Array<ArrayBuffer> {
  const { tensors } = readSafetensors(model);
  const moved = new Map(tensors);
  for (const name of ['classifier.weight', 'classifier.bias']) {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`the model has no ${name}`);
    const values = toFloat32(tensor);
    const row = values.length / order.length;
    const rows = order.map((from) => [...values.subarray(from * row, (from + 1) * row)]);
    moved.set(name, floatTensor(name, tensor.shape, Float32Array.from(rows.flat())));
  }
  const { metadata } = modelFromTensors(moved, { bnEpsilon: SMALL.bnEpsilon });
  return writeModel(moved, metadata);
}

/** The last candidate of each convolution that a network has, by its shape. */
const lastTiles = ({ plan: { steps, options } }: DenseNet): Record<string, string> =>
  Object.fromEntries(
    steps.flatMap(({ shape }) => {
      const variant = shape && candidates(shape, options.caps, { activations: 'f32', weights: 'f32' }).at(-1);
      return shape && variant ? [[shapeKey(shape), variantKey(shape.kernel, variant)]] : [];
    }),
  );
