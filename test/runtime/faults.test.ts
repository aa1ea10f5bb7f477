/** A wrong argument gives a typed error that names it and the repair, and the next call works. */
import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { failure, inputOf, modelOf, picture, SIDE, SMALL_MODEL, smallInput, TO_SMALL } from './models.js';

afterEach(expectNoComplaints);

const INPUT_SIZE = [SIDE, SIDE] as const;
const PIXELS = 3 * SIDE * SIDE;

describe.skipIf(!hasDriver('swiftshader'))('a caller’s mistake', () => {
  let net: DenseNet;
  let device: GPUDevice;
  let logits: Float32Array;
  beforeAll(async () => {
    device = await new CountingGpu(await dawnGpu('swiftshader'), { features: [] }).open();
    net = await DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE });
    ({ logits } = await net.run(smallInput(1)));
  });
  afterAll(() => {
    net?.dispose();
    device?.destroy();
  });
  const stillWorks = async () => expect((await net.run(smallInput(1))).logits).toEqual(logits);

  it.each([
    [[1, 4, 8, 8], 'the network takes [N, 3, H, W], not [1, 4, 8, 8]'],
    [[1, 3, 64], 'the network takes [N, 3, H, W], not [1, 3, 64]'],
    [[1, 3, 8.5, 8], 'the network takes [N, 3, H, W], not [1, 3, 8.5, 8]'],
    [[0, 3, 8, 8], 'the network takes [N, 3, H, W], not [0, 3, 8, 8]'],
    [[-1, 3, 8, 8], 'the network takes [N, 3, H, W], not [-1, 3, 8, 8]'],
    [[2, 3, 8, 8], 'a tensor of shape [2, 3, 8, 8] has 384 values, but the data has 192'],
    [[2 ** 40, 3, 8, 8], 'a tensor of shape [1099511627776, 3, 8, 8] has 211106232532992 values, but the data has 192'],
  ])('shape %j', async (shape, message) => {
    const input = JSON.parse(JSON.stringify({ shape }));
    expect(await failure(net.run({ ...input, data: new Float32Array(PIXELS) }))).toBe(`TensorShapeError: ${message}`);
    await stillWorks();
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('value %f', async (value) => {
    const data = new Float32Array(PIXELS);
    data[5] = value;
    expect(await failure(net.run({ data, shape: [1, 3, SIDE, SIDE] }))).toBe(
      `TensorShapeError: the tensor holds ${value} at index 5: inputs must be finite`,
    );
    await stillWorks();
  });

  it.each([
    ['undefined', 'data undefined, shape undefined'],
    ['null', 'data undefined, shape undefined'],
    ['{}', 'data undefined, shape undefined'],
    ['{"data":[0,0,0],"shape":[1,3,1,1]}', 'data Array, shape Array'],
    ['{"data":null,"shape":[1,3,1,1]}', 'data null, shape Array'],
    ['{"data":"0","shape":"1,3,1,1"}', 'data 0, shape 1,3,1,1'],
  ])('input %s from JavaScript', async (json, found) => {
    const input = json === 'undefined' ? undefined : JSON.parse(json);
    expect(await failure(net.run(input))).toBe(
      `TensorShapeError: a tensor is { data: Float32Array or GPUBuffer, shape: [N, C, H, W] }, not ${found}`,
    );
    await stillWorks();
  });

  it('shared memory is copied, and memory that was transferred is refused', async () => {
    const { data, shape } = smallInput(1);
    const shared = new Float32Array(new SharedArrayBuffer(4 * PIXELS));
    if (data instanceof Float32Array) shared.set(data);
    const call = net.run({ data: shared, shape });
    shared.fill(7);
    expect((await call).logits).toEqual(logits);
    const gone = new Float32Array(PIXELS);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    expect(await failure(net.run({ data: gone, shape: [1, 3, SIDE, SIDE] }))).toBe(
      'TensorShapeError: a tensor of shape [1, 3, 8, 8] has 192 values, but the data has 0',
    );
    await stillWorks();
  });

  it('a buffer that is too short or cannot be copied from', async () => {
    const shape = [1, 3, SIDE, SIDE] as const;
    const short = device.createBuffer({ size: 64, usage: GPUBufferUsage.COPY_SRC });
    expect(await failure(net.run({ data: short, shape }))).toBe(
      'TensorShapeError: a tensor of shape [1, 3, 8, 8] has 192 values, but the data has 16',
    );
    const storage = device.createBuffer({ size: 4 * PIXELS, usage: GPUBufferUsage.STORAGE });
    expect(await failure(net.run({ data: storage, shape }))).toBe(
      "TensorShapeError: the tensor's buffer cannot be copied from: create it with GPUBufferUsage.COPY_SRC",
    );
    await stillWorks();
  });

  it('an input too small for the network', async () => {
    expect(await failure(net.run({ data: new Float32Array(3), shape: [1, 3, 1, 1] }))).toMatch(
      /^TensorShapeError: an input of 1×1 is too small/,
    );
    await stillWorks();
  });

  it('an image for a model without preprocessing, an unknown class, no classes', async () => {
    expect(await failure(net.classify(picture(1)))).toMatch(
      /^ImageError: the model file says nothing of preprocessing: import it with --preprocess/,
    );
    expect(await failure(net.classify(picture(1), { topK: 0 }))).toBe(
      'OptionError: topK is 0: make it a whole number of classes, 1 or more',
    );
    expect(await failure(net.explain(picture(1), { classIndex: 5 }))).toBe(
      'OptionError: there is no class 5: the network has 5, counted from 0',
    );
    for (const classIndex of [-1, 1.5])
      expect(await failure(net.explain(picture(1), { classIndex }))).toBe(
        `OptionError: classIndex is ${classIndex}: make it the index of a class, counted from 0`,
      );
    await stillWorks();
  });
});

describe.skipIf(!hasDriver('swiftshader'))('a kernel that is refused', () => {
  it('is an error of that call; the next call compiles it again', async () => {
    const device = await new CountingGpu(await dawnGpu('swiftshader'), { features: [] }).open();
    const net = await DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE });
    const { logits } = await net.run(smallInput(1));
    const compile = device.createComputePipelineAsync.bind(device);
    device.createComputePipelineAsync = () => Promise.reject(new Error('no registers left'));
    // Taps need a kernel that nothing else does.
    expect(await failure(net.taps(smallInput(1)))).toMatch(
      /^ShaderError: the kernel normalize\S* does not compile on this adapter: no registers left/,
    );
    device.createComputePipelineAsync = compile;
    expect((await net.taps(smallInput(1))).get('logits')?.data).toEqual(logits);
    net.dispose();
    device.destroy();
  });
});

describe.skipIf(!hasDriver('swiftshader'))('a call or load that is ended early', () => {
  let gpu: GPU;
  beforeAll(async () => {
    gpu = new CountingGpu(await dawnGpu('swiftshader'), { features: [] }).gpu;
  });

  it('an aborted call rejects, no other does, and the next works', async () => {
    const net = await DenseNet.load(SMALL_MODEL, { gpu, inputSize: INPUT_SIZE });
    const { logits } = await net.run(smallInput(1));
    expect(await failure(net.run(smallInput(1), { signal: AbortSignal.abort('why') }))).toBe(
      'AbortedError: run() was aborted',
    );
    const controller = new AbortController();
    const [before, aborted, after] = [
      net.run(smallInput(1)),
      net.run(smallInput(1), { signal: controller.signal }),
      net.run(smallInput(1)),
    ];
    controller.abort();
    expect(await failure(aborted)).toBe('AbortedError: run() was aborted');
    expect([(await before).logits, (await after).logits]).toEqual([logits, logits]);
    net.dispose();
  });

  it('the reason of a signal is the cause of the error', async () => {
    const net = await DenseNet.load(SMALL_MODEL, { gpu, inputSize: INPUT_SIZE });
    const reason = new Error('closed');
    await expect(net.run(smallInput(1), { signal: AbortSignal.abort(reason) })).rejects.toMatchObject({
      cause: reason,
    });
    net.dispose();
  });

  it('dispose() rejects pending and later calls of every method', async () => {
    const model = await modelOf('densenet3-bc', 'cifar10');
    const net = await DenseNet.load(model, { gpu });
    const calls = () => [
      net.run(inputOf('densenet3-bc')),
      net.classify(picture(1)),
      net.explain(picture(2)),
      net.embed(picture(3)),
      net.taps(inputOf('densenet3-bc')),
    ];
    const says = ['run', 'classify', 'explain', 'embed', 'taps'].map(
      (name) => `DisposedError: ${name}() was called on a network that has been disposed; load it again`,
    );
    const pending = calls();
    net.dispose();
    expect(await Promise.all(pending.map((call) => failure(call)))).toEqual(says);
    expect(await Promise.all(calls().map((call) => failure(call)))).toEqual(says);
  });

  it('an abort ends a download that has stalled', async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': SMALL_MODEL.length });
      response.write(SMALL_MODEL.subarray(0, 100));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const controller = new AbortController();
    const onProgress = ({ loaded }: { loaded: number }) => loaded > 0 && controller.abort();
    const load = DenseNet.load(`http://127.0.0.1:${port}/`, { gpu, signal: controller.signal, onProgress });
    expect(await failure(load)).toMatch(/^AbortedError: /);
    server.closeAllConnections();
    server.close();
  });

  it('an option that means nothing is named, before anything is loaded', async () => {
    const options = { gpu, ...JSON.parse('{"presicion":"f16"}') };
    expect(await failure(DenseNet.load('http://127.0.0.1:9/none', options))).toMatch(
      /^OptionError: load\(\) has no option presicion/,
    );
  });

  it('a list of images with a hole', async () => {
    const net = await DenseNet.load(SMALL_MODEL, { gpu, inputSize: INPUT_SIZE, preprocess: TO_SMALL });
    const images = [picture(1), picture(2)];
    delete images[0];
    expect(await failure(net.classify(images))).toMatch(/^ImageError: undefined is not an image/);
    net.dispose();
  });

  it('callbacks that throw change nothing', async () => {
    const original = console.error;
    const logged: unknown[] = [];
    console.error = (...words) => logged.push(words.join(' '));
    const onProgress = () => {
      throw new Error('from the page');
    };
    const other = await DenseNet.load(SMALL_MODEL, { gpu, inputSize: INPUT_SIZE, onProgress });
    console.error = original;
    expect((await other.run(smallInput(1))).logits.every(Number.isFinite)).toBe(true);
    expect(logged[0]).toBe('densenet-webgpu: onProgress threw Error: from the page');
    other.dispose();
  });

  it('without WebGPU nothing is downloaded, and isSupported() says why', async () => {
    const requests: unknown[] = [];
    const original = globalThis.fetch;
    globalThis.fetch = async (address) => {
      requests.push(address);
      return new Response(SMALL_MODEL);
    };
    const away = new CountingGpu(gpu);
    away.isAway = true;
    const error = await failure(DenseNet.load('http://127.0.0.1:9/model', { gpu: away.gpu }));
    globalThis.fetch = original;
    expect(error).toMatch(/^WebGPUUnavailableError: WebGPU is here but it offers no adapter/);
    expect(requests).toEqual([]);
    expect(await DenseNet.isSupported({ gpu: away.gpu })).toMatchObject({ supported: false, reason: 'no-adapter' });
    expect(await DenseNet.isSupported()).toMatchObject({ supported: false, reason: 'no-webgpu' });
    expect(await DenseNet.isSupported({ gpu })).toMatchObject({ supported: true, adapter: { isFallback: true } });
  });

  it.each([
    ['auto', 'f32'],
    ['f16', 'f16'],
  ] as const)('precision %s means %s on a device without shader-f16', async (precision, stored) => {
    const net = await DenseNet.load(SMALL_MODEL, { gpu, precision, inputSize: INPUT_SIZE });
    expect(net.precision).toEqual({ activations: stored, weights: stored });
    net.dispose();
  });

  it("the caller's device that is lost already", async () => {
    const device = await new CountingGpu(await dawnGpu('swiftshader'), { features: [] }).open();
    device.destroy();
    expect(await failure(DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE }))).toMatch(
      /^DeviceLostError: the GPU device was lost/,
    );
  });

  it('a bad file and a dead address are typed errors', async () => {
    expect(await failure(DenseNet.load(new Uint8Array(3), { gpu }))).toMatch(/^ModelFormatError/);
    expect(await failure(DenseNet.load('http://127.0.0.1:9/none', { gpu }))).toMatch(/^DownloadError/);
    expect(await failure(DenseNet.load('models/net.safetensors', { gpu }))).toMatch(
      /^DownloadError: models\/net\.safetensors is a path, .*: read the file and pass its bytes, load\(readFileSync\(path\)\)/,
    );
    expect(await failure(DenseNet.load(JSON.parse('5'), { gpu }))).toMatch(
      /^OptionError: a model is loaded from a URL, a Blob, an ArrayBuffer or a Uint8Array, not 5/,
    );
  });
});
