/** After device loss, calls work on a new device or reject with DeviceLostError. Nothing hangs, nothing leaks. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { failure, SIDE, SMALL_MODEL, smallInput } from './models.js';

afterEach(expectNoComplaints);

const DISPOSED = 'DisposedError: run() was called on a network that has been disposed; load it again';
const INPUT_SIZE = [SIDE, SIDE] as const;
const logitsOf = async (net: DenseNet, seed: number) => [...(await net.run(smallInput(seed))).logits];

describe.skipIf(!hasDriver('swiftshader'))('when the device is lost', () => {
  let gpu: GPU;
  beforeAll(async () => {
    gpu = await dawnGpu('swiftshader');
  });
  const open = async () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const net = await DenseNet.load(SMALL_MODEL, { gpu: counting.gpu, inputSize: INPUT_SIZE });
    return { counting, net };
  };

  it('between calls, the next call works on a new device, four times in a row', async () => {
    const { counting, net } = await open();
    const logits = await logitsOf(net, 1);
    for (let loss = 0; loss < 4; loss++) {
      counting.device?.destroy();
      expect(await logitsOf(net, 1)).toEqual(logits);
    }
    expect(counting.requests).toHaveLength(5);
    net.dispose();
    expect(counting.liveBuffers).toBe(0);
  });

  it('during calls, each call still gets its own result', async () => {
    const { counting, net } = await open();
    const alone = [await logitsOf(net, 1), await logitsOf(net, 2), await logitsOf(net, 3)];
    const pending = [1, 2, 3, 1, 2, 3].map((seed) => logitsOf(net, seed));
    counting.device?.destroy();
    expect(await Promise.all(pending)).toEqual([...alone, ...alone]);
    net.dispose();
    expect(counting.liveBuffers).toBe(0);
  });

  it('during load, load resolves or rejects with a typed error', async () => {
    for (const phase of ['upload', 'compile'] as const) {
      const counting = new CountingGpu(gpu, { features: [] });
      const outcome = await failure(
        DenseNet.load(SMALL_MODEL, {
          gpu: counting.gpu,
          inputSize: INPUT_SIZE,
          // `upload` is reported before there is a device; the device is lost as soon as it exists.
          onProgress: (progress) => progress.phase === phase && setTimeout(() => counting.device?.destroy(), 0),
        }).then(async (net) => {
          const { length } = await logitsOf(net, 1);
          net.dispose();
          return `${length} logits`;
        }),
      );
      expect(outcome, phase).toMatch(/^resolved with 5 logits$|^DeviceLostError|^WebGPUUnavailableError/);
      expect(counting.liveBuffers, phase).toBe(0);
    }
  });

  it('and there is no adapter, the call rejects in bounded time, and works once there is one', async () => {
    const { counting, net } = await open();
    const logits = await logitsOf(net, 1);
    counting.isAway = true;
    counting.device?.destroy();
    expect(await failure(net.run(smallInput(1)))).toMatch(
      /^DeviceLostError: the GPU device was lost during recovering/,
    );
    counting.isAway = false;
    expect(await logitsOf(net, 1)).toEqual(logits);
    net.dispose();
    expect(counting.liveBuffers).toBe(0);
  });

  it('and the network is disposed of while the new device opens, the call rejects and no buffer is left', async () => {
    const { counting, net } = await open();
    counting.onAdapterRequest = () => net.dispose();
    counting.device?.destroy();
    expect(await failure(net.run(smallInput(1)))).toBe(DISPOSED);
    expect(counting.requests, 'devices: the first, and the one that opened').toHaveLength(2);
    expect(counting.liveBuffers).toBe(0);
    expect(counting.device && (await isLost(counting.device)), 'the new device is destroyed').toBe(true);
  });

  it('and the network is disposed of while there is no adapter, no other adapter is requested', async () => {
    const { counting, net } = await open();
    counting.isAway = true;
    let requests = 0;
    counting.onAdapterRequest = () => {
      requests += 1;
      net.dispose();
    };
    counting.device?.destroy();
    expect(await failure(net.run(smallInput(1)))).toBe(DISPOSED);
    expect(requests).toBe(1);
    expect(counting.liveBuffers).toBe(0);
  });

  it("and is the caller's own, this call and the next reject", async () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const device = await counting.open();
    const net = await DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE });
    const pending = net.run(smallInput(1));
    device.destroy();
    expect(await failure(pending)).toMatch(/^DeviceLostError: the GPU device was lost during run|^resolved/);
    for (let i = 0; i < 2; i++)
      expect(await failure(net.run(smallInput(1)))).toMatch(/^DeviceLostError: the GPU device was lost during run/);
    net.dispose();
    expect(counting.liveBuffers).toBe(0);
    expect(counting.requests, 'no other device is asked for').toHaveLength(1);
  });

  it('dispose() does not destroy the caller’s device, but destroys its own', async () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const device = await counting.open();
    const net = await DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE });
    net.dispose();
    net.dispose();
    device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE }).destroy();
    expect(await isLost(device)).toBe(false);
    device.destroy();
    const { counting: own, net: owner } = await open();
    const owned = own.device;
    owner.dispose();
    expect(owned && (await isLost(owned))).toBe(true);
  });
});

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const isLost = (device: GPUDevice): Promise<boolean> =>
  Promise.race([device.lost.then(() => true), pause(200).then(() => false)]);
