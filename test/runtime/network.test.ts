/** Whole networks on a real WebGPU against the frameworks' numbers, and what the runtime promises of its resources. */
import { beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { TOLERANCE } from '../../src/cli/verify.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { random, randoms } from '../kernels/harness.js';
import { fixtureNames, readReference, relativeError } from '../reference/fixtures.js';
import { CountingGpu } from './counting.js';
import { inputOf, modelOf } from './models.js';

/** `images` is for preprocessing; the maps of a new-first net come in another channel order (see import-pytorch.test). */
const NETS = fixtureNames('.reference.safetensors').filter(
  (name) => name !== 'images' && name !== 'densenet3-new-first',
);
/** lavapipe compiles slowly, so it gets one net of each kind. */
const FEW = ['torchvision', 'densenet3-bc', 'densenet3-plain'];
const CASES = [
  { driver: 'swiftshader', precision: 'f32', nets: NETS },
  { driver: 'lavapipe', precision: 'f32', nets: FEW.slice(0, 1) },
  { driver: 'lavapipe', precision: 'f16', nets: FEW },
] as const;

for (const { driver, precision, nets } of CASES) {
  describe.skipIf(!hasDriver(driver))(`${precision} on ${driver} equals the framework at every tap`, () => {
    it.each([...nets])('%s', async (name) => {
      const net = await DenseNet.load(await modelOf(name), { gpu: await dawnGpu(driver), precision });
      const reference = readReference(name);
      const taps = await net.taps(inputOf(name));
      net.dispose();
      expect([...taps.keys()].sort()).toEqual([...reference.keys()].filter((tap) => tap !== 'input').sort());
      for (const [tap, { data, shape }] of taps) {
        const expected = reference.get(tap);
        expect(shape, tap).toEqual(expected?.shape);
        expect(relativeError(data, expected?.values ?? []), tap).toBeLessThan(TOLERANCE[precision]);
      }
    });
  });
}

describe.skipIf(!hasDriver('swiftshader'))('a loaded network', () => {
  const name = 'densenet3-bc';
  let gpu: GPU;
  let model: Uint8Array;
  beforeAll(async () => {
    gpu = await dawnGpu('swiftshader');
    model = await modelOf(name, 'cifar10');
  });
  const picture = (seed: number) => {
    const next = random(seed);
    return { data: Uint8Array.from({ length: 40 * 50 * 4 }, () => 128 + 127 * next()), width: 40, height: 50 };
  };

  it('creates nothing at steady state: one submit and one map per call', async () => {
    const counting = new CountingGpu(gpu);
    const net = await DenseNet.load(model, { gpu: counting.gpu });
    const input = inputOf(name);
    await net.run(input);
    await net.classify(picture(1));
    const before = { ...counting.counts };
    const created = counting.created();
    for (let i = 0; i < 5; i++) {
      await net.run(input);
      await net.classify(picture(i));
    }
    expect(counting.created() - created, 'objects created').toBe(0);
    expect(counting.counts.submits - before.submits, 'submits').toBe(10);
    expect(counting.counts.maps - before.maps, 'maps').toBe(10);
    expect(counting.counts.dispatches, 'the wrapper sees dispatches').toBeGreaterThan(before.dispatches);
    net.dispose();
  });

  it('leaves no buffer behind after 12 loads', async () => {
    const counting = new CountingGpu(gpu);
    for (let i = 0; i < 12; i++) {
      const net = await DenseNet.load(model, { gpu: counting.gpu });
      if (i % 4 === 0) await net.classify(picture(i));
      net.dispose();
    }
    expect(counting.liveBuffers).toBe(0);
  });

  it('gives a batch what its singles get, bit for bit, in any position and every time', async () => {
    const net = await DenseNet.load(model, { gpu });
    const size = net.config.inChannels * 32 * 32;
    const next = random(7);
    const inputs = [0, 1, 2].map(() => randoms(size, next));
    const single = async (data: Float32Array) => [...(await net.run({ data, shape: [1, 3, 32, 32] })).logits];
    const alone = await Promise.all(inputs.map(single));
    const batch = new Float32Array(3 * size);
    for (const [i, data] of [2, 0, 1].entries()) batch.set(inputs[data] ?? [], i * size);
    const { logits } = await net.run({ data: batch, shape: [3, 3, 32, 32] });
    expect([...logits]).toEqual([...(alone[2] ?? []), ...(alone[0] ?? []), ...(alone[1] ?? [])]);
    for (let i = 0; i < 20; i++) expect(await single(inputs[0] ?? new Float32Array())).toEqual(alone[0]);
    net.dispose();
  });

  it('answers 50 interleaved calls each with its own result', async () => {
    const net = await DenseNet.load(model, { gpu });
    const next = random(11);
    const inputs = Array.from({ length: 50 }, () => randoms(3 * 32 * 32, next));
    const call = async (data: Float32Array) => [...(await net.run({ data, shape: [1, 3, 32, 32] })).logits];
    const together = await Promise.all(inputs.map(call));
    for (const [i, data] of inputs.entries()) expect(together[i]).toEqual(await call(data));
    net.dispose();
  });

  it('explains exactly: the mean of the map and the bias of the class make its logit', async () => {
    const net = await DenseNet.load(model, { gpu });
    const [best] = await net.classify(picture(3), { topK: 1 });
    const heat = await net.explain(picture(3));
    expect(heat.classIndex).toBe(best?.index);
    const other = await net.explain(picture(3), { classIndex: 2 });
    const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;
    // The difference of two logits is that of the means and the biases, and probabilities tell it too.
    const scores = await net.classify(picture(3), { topK: net.config.classes });
    const probability = (index: number) => scores.find((score) => score.index === index)?.probability ?? Number.NaN;
    const embedded = await net.embed(picture(3));
    expect(embedded.shape[0]).toBe(1);
    const difference = Math.log(probability(heat.classIndex) / probability(2));
    const biases = await biasesOf(model);
    const expected = mean(heat.values) + (biases[heat.classIndex] ?? 0) - mean(other.values) - (biases[2] ?? 0);
    expect(expected).toBeCloseTo(difference, 4);
    net.dispose();
  });

  it('ranks more classes than the GPU does, all of them adding to one', async () => {
    const net = await DenseNet.load(model, { gpu });
    const all = await net.classify(picture(5), { topK: 1000 });
    expect(all).toHaveLength(net.config.classes);
    expect(all.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
    expect(await net.classify([picture(5), picture(6)], { topK: 1 })).toHaveLength(2);
    net.dispose();
  });
});

async function biasesOf(model: Uint8Array): Promise<Float32Array> {
  const { readModel } = await import('../../src/weights/model-file.js');
  return readModel(model).folded.head.bias;
}
