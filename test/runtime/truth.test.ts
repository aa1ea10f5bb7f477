/** The runtime never lies: an answer that cannot be right is an error, and leaves no trace in the next. */
import { afterEach, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints, takeComplaints } from './counting.js';
import { failure, inputOf, modelOf, SIDE, SMALL_MODEL, smallInput } from './models.js';

afterEach(expectNoComplaints);

const NETS = ['torchvision', 'densenet3-bc', 'densenet3-plain'];
/** Beyond f16 at the input, within it there but not behind the stem. */
const TOO_MUCH_FOR_F16 = [1e6, 6e4];
const LARGEST = 3.4e38;

function scaled(name: string, factor: number) {
  const { data, shape } = inputOf(name);
  return { data: data.map((value) => Math.max(-LARGEST, Math.min(LARGEST, value * factor))), shape };
}

describe.skipIf(!hasDriver('lavapipe'))('in f16 on lavapipe', () => {
  const load = async (name: string) =>
    DenseNet.load(await modelOf(name), { gpu: new CountingGpu(await dawnGpu('lavapipe')).gpu, precision: 'f16' });

  it.each(NETS)('%s: what a value too large leaves behind is gone at the next call', async (name) => {
    const net = await load(name);
    const { logits } = await net.run(inputOf(name));
    for (const factor of TOO_MUCH_FOR_F16) await net.run(scaled(name, factor)).catch(() => undefined);
    expect((await net.run(inputOf(name))).logits).toEqual(logits);
    net.dispose();
  });

  it.each(NETS)('%s: a value too large is an error', async (name) => {
    const net = await load(name);
    const outcomes: string[] = [];
    for (const factor of TOO_MUCH_FOR_F16) outcomes.push(await failure(net.run(scaled(name, factor))));
    net.dispose();
    for (const outcome of outcomes)
      expect(outcome).toBe(
        "PrecisionOverflowError: a value left the range of f16: load the model with precision: 'f32'",
      );
  });
});

describe.skipIf(!hasDriver('swiftshader'))('in f32 on swiftshader', () => {
  const open = async () => {
    const device = await new CountingGpu(await dawnGpu('swiftshader'), { features: [] }).open();
    return { device, net: await DenseNet.load(SMALL_MODEL, { device, inputSize: [SIDE, SIDE] }) };
  };

  it('inputs of 1e30 scale the logits: nothing overflows early', async () => {
    const { device, net } = await open();
    const input = smallInput(1);
    const large = async (factor: number) =>
      (await net.run({ data: input.data.map((v) => v * factor), shape: input.shape })).logits;
    const [a, b] = [await large(1e20), await large(1e30)];
    for (const [i, logit] of b.entries()) expect(logit / (a[i] ?? Number.NaN) / 1e10).toBeCloseTo(1, 4);
    net.dispose();
    device.destroy();
  });

  it.each([
    ['is destroyed', async (buffer: GPUBuffer) => buffer.destroy()],
    ['belongs to another device', null],
  ])('a tensor whose buffer %s is an error, not the answer to the call before', async (_, spoil) => {
    const { device, net } = await open();
    await net.run(smallInput(1));
    const { data, shape } = smallInput(2);
    const owner = spoil ? device : await new CountingGpu(await dawnGpu('swiftshader')).open();
    const buffer = owner.createBuffer({ size: data.byteLength, usage: GPUBufferUsage.COPY_SRC });
    await spoil?.(buffer);
    const outcome = await failure(net.run({ data: buffer, shape }));
    net.dispose();
    device.destroy();
    expect(takeComplaints(), 'the error is kept from nobody else').toEqual([]);
    expect(outcome).toMatch(/^\w+Error: /);
  });
});
