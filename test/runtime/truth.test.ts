/** Overflow and NaN are errors, never wrong results, and do not affect the next call. */
import { afterEach, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { relativeError } from '../reference/fixtures.js';
import { CountingGpu, expectNoComplaints, takeComplaints } from './counting.js';
import { sharedDevice } from './devices.js';
import { failure, inputOf, modelOf, SIDE, SMALL_MODEL, smallInput } from './models.js';

afterEach(expectNoComplaints);

const SMALLEST = 'densenet3-bc';
const NETS = ['torchvision', 'densenet3-bc', 'densenet3-plain'];
/** Inputs that overflow f16: one at the input, one behind the stem. */
const TOO_MUCH_FOR_F16 = [1e6, 6e4];
const LARGEST = 3.4e38;
const F16 = { features: ['subgroups', 'shader-f16'] } as const;

function scaled(name: string, factor: number) {
  const { data, shape } = inputOf(name);
  return { data: data.map((value) => Math.max(-LARGEST, Math.min(LARGEST, value * factor))), shape };
}

describe.skipIf(!hasDriver('lavapipe'))('in f16 on lavapipe', () => {
  const load = async (name: string) =>
    DenseNet.load(await modelOf(name), { device: await sharedDevice('lavapipe', F16), precision: 'f16' });

  it.each(NETS)('%s: the call after an overflow gives the right result', async (name) => {
    const net = await load(name);
    const { logits } = await net.run(inputOf(name));
    for (const factor of TOO_MUCH_FOR_F16) await net.run(scaled(name, factor)).catch(() => undefined);
    expect((await net.run(inputOf(name))).logits).toEqual(logits);
    net.dispose();
  });

  it.each(NETS)('%s: an overflow is an error', async (name) => {
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

describe.skipIf(!hasDriver('lavapipe'))("with precision 'auto' on lavapipe", () => {
  it.each([
    ['its own', async () => ({})],
    ["the caller's", async (counting: CountingGpu) => ({ device: await counting.open(['shader-f16']) })],
  ])('a value too large for f16 has the network go on in f32 on %s device, said once', async (_, deviceOf) => {
    const counting = new CountingGpu(await dawnGpu('lavapipe'));
    const { gpu } = counting;
    const own = await deviceOf(counting);
    const warnings: string[] = [];
    const onWarning = ({ name, message }: Error) => void warnings.push(`${name}: ${message}`);
    const load = async (precision: 'auto' | 'f32') =>
      DenseNet.load(await modelOf(SMALLEST), { gpu, ...own, precision, weights: 'f16', onWarning });
    const [net, f32] = [await load('auto'), await load('f32')];
    const [usual, large] = [inputOf(SMALLEST), scaled(SMALLEST, 6e4)];
    const expected = await Promise.all([usual, large].map(async (input) => (await f32.run(input)).logits));
    f32.dispose();
    expect(net.precision.activations).toBe('f16');
    const answers = await Promise.all([usual, large, usual, large, usual].map((input) => net.run(input)));
    for (const [i, { logits }] of answers.entries())
      expect(relativeError(logits, expected[i % 2] ?? []), `call ${i}`).toBeLessThan(1e-2);
    expect((await net.run(large)).logits).toEqual(expected[1]);
    expect(net.precision).toEqual({ activations: 'f32', weights: 'f16' });
    expect(warnings).toEqual(['PrecisionOverflowError: a value left the range of f16: the network goes on in f32']);
    net.dispose();
  });
});

describe.skipIf(!hasDriver('swiftshader'))('in f32 on swiftshader', () => {
  const open = async () => {
    const device = await sharedDevice('swiftshader');
    return { device, net: await DenseNet.load(SMALL_MODEL, { device, inputSize: [SIDE, SIDE] }) };
  };

  it('inputs of 1e30 scale the logits without an early overflow', async () => {
    const { net } = await open();
    const input = smallInput(1);
    const large = async (factor: number) =>
      (await net.run({ data: input.data.map((v) => v * factor), shape: input.shape })).logits;
    const [a, b] = [await large(1e20), await large(1e30)];
    for (const [i, logit] of b.entries()) expect(logit / (a[i] ?? Number.NaN) / 1e10).toBeCloseTo(1, 4);
    net.dispose();
  });

  it('a tensor on the GPU with a NaN in it is an error, and the next call works', async () => {
    const { device, net } = await open();
    const { data, shape } = smallInput(1);
    const { logits } = await net.run({ data, shape });
    const buffer = device.createBuffer({
      size: data.byteLength,
      usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(buffer, 0, data.with(7, Number.NaN));
    expect(await failure(net.run({ data: buffer, shape }))).toBe(
      'PrecisionOverflowError: a logit is not finite: the weights or the input are beyond the range of f32',
    );
    expect((await net.run({ data, shape })).logits).toEqual(logits);
    net.dispose();
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
    expect(takeComplaints(), 'the error is kept from nobody else').toEqual([]);
    expect(outcome).toMatch(/^\w+Error: /);
  });
});
