/** What goes wrong gives a typed error that names the repair; nothing hangs and nothing leaks. */
import { beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { isDenseNetError } from '../../src/errors.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu } from './counting.js';
import { inputOf, modelOf } from './models.js';

/** The error's name and message, or what came instead. */
async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    return `resolved with ${await promise}`;
  } catch (error) {
    return isDenseNetError(error) ? `${error.name}: ${error.message}` : `untyped: ${error}`;
  }
}

describe.skipIf(!hasDriver('swiftshader'))('when things go wrong', () => {
  const name = 'densenet3-bc';
  let gpu: GPU;
  let model: Uint8Array;
  beforeAll(async () => {
    gpu = await dawnGpu('swiftshader');
    model = await modelOf(name);
  });

  it('bad tensors are refused by name, shape and value', async () => {
    const net = await DenseNet.load(model, { gpu });
    const data = new Float32Array(3 * 32 * 32);
    expect(await failure(net.run({ data, shape: [1, 4, 32, 32] }))).toBe(
      'TensorShapeError: the network takes [N, 3, H, W], not [1, 4, 32, 32]',
    );
    expect(await failure(net.run({ data, shape: [2, 3, 32, 32] }))).toBe(
      'TensorShapeError: a tensor of shape [2, 3, 32, 32] has 6144 values, but the data has 3072',
    );
    data[5] = Number.NaN;
    expect(await failure(net.run({ data, shape: [1, 3, 32, 32] }))).toBe(
      'TensorShapeError: the tensor holds NaN at index 5: inputs must be finite',
    );
    expect(await failure(net.run({ data: new Float32Array(3), shape: [1, 3, 1, 1] }))).toMatch(
      /^TensorShapeError: an input of 1×1 is too small/,
    );
    net.dispose();
  });

  it('a picture for a model without preprocessing says what to do', async () => {
    const net = await DenseNet.load(model, { gpu });
    const picture = { data: new Uint8Array(4), width: 1, height: 1 };
    expect(await failure(net.classify(picture))).toMatch(/^ImageError: the model file says nothing of preprocessing/);
    expect(await failure(net.classify(picture, { topK: 0 }))).toMatch(/^OptionError: topK is 0/);
    expect(await failure(net.explain(picture, { classIndex: 99 }))).toMatch(/^OptionError: there is no class 99/);
    net.dispose();
  });

  it('an aborted call and an aborted load reject, and the next call works', async () => {
    const net = await DenseNet.load(model, { gpu });
    expect(await failure(net.run(inputOf(name), { signal: AbortSignal.abort() }))).toBe(
      'AbortedError: run() was aborted',
    );
    const controller = new AbortController();
    const pending = net.run(inputOf(name), { signal: controller.signal });
    controller.abort();
    expect(await failure(pending)).toBe('AbortedError: run() was aborted');
    expect((await net.run(inputOf(name))).logits).toHaveLength(inputOf(name).shape[0] * net.config.classes);
    net.dispose();
    const counting = new CountingGpu(gpu);
    const late = new AbortController();
    const loading = DenseNet.load(model, {
      gpu: counting.gpu,
      signal: late.signal,
      onProgress: ({ phase }) => phase === 'upload' && late.abort(),
    });
    expect(await failure(loading)).toBe('AbortedError: load() was aborted');
    expect(counting.liveBuffers).toBe(0);
  });

  it('a disposed network says so, also to the calls that were waiting', async () => {
    const net = await DenseNet.load(model, { gpu });
    const pending = [net.run(inputOf(name)), net.run(inputOf(name))];
    net.dispose();
    for (const call of pending) expect(await failure(call)).toMatch(/^DisposedError/);
    expect(await failure(net.run(inputOf(name)))).toBe(
      'DisposedError: run() was called on a network that has been disposed; load it again',
    );
  });

  it('a lost device is replaced, and the calls get their answers', async () => {
    const counting = new CountingGpu(gpu);
    const net = await DenseNet.load(model, { gpu: counting.gpu });
    const { logits } = await net.run(inputOf(name));
    const pending = net.run(inputOf(name));
    counting.device?.destroy();
    expect([...(await pending).logits]).toEqual([...logits]);
    counting.device?.destroy();
    expect([...(await net.run(inputOf(name))).logits]).toEqual([...logits]);
    net.dispose();
  });

  it("the caller's own device is not replaced: its loss is an error", async () => {
    const device = await (await gpu.requestAdapter())?.requestDevice();
    if (!device) throw new Error('no device');
    const net = await DenseNet.load(model, { device });
    device.destroy();
    expect(await failure(net.run(inputOf(name)))).toMatch(/^DeviceLostError: the GPU device was lost during run/);
  });

  it('a batch beyond the limits names the limit and the repair', async () => {
    const net = await DenseNet.load(model, { gpu });
    const shape = [3000, 3, 32, 32] as const;
    const data = new Float32Array(3000 * 3 * 32 * 32);
    expect(await failure(net.run({ data, shape }))).toMatch(
      /^LimitError: max\w+ is \d+ on this adapter, but \d+ is needed: .*smaller batch/,
    );
    expect((await net.run(inputOf(name))).logits.every(Number.isFinite)).toBe(true);
    net.dispose();
  });

  it('no WebGPU and bad files are typed errors', async () => {
    expect(await failure(DenseNet.load(new Uint8Array(3), { gpu }))).toMatch(/^ModelFormatError/);
    expect(await failure(DenseNet.load('http://127.0.0.1:9/none', { gpu }))).toMatch(/^DownloadError/);
    const none = new Proxy(gpu, {
      get: (target, key) => (key === 'requestAdapter' ? async () => null : Reflect.get(target, key)),
    });
    expect(await failure(DenseNet.load(model, { gpu: none }))).toMatch(/^WebGPUUnavailableError/);
  });
});
