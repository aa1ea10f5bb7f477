/** A model that streams in: used while it arrives, whatever the order and the pieces; refused however the stream ends. */

import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { decodeMetadata } from '../../src/model/metadata.js';
import { splitScales } from '../../src/tensor/int8.js';
import { readSafetensors, readWholeHeader, writeSafetensors } from '../../src/tensor/safetensors.js';
import { DTYPE_BYTES, type Tensor } from '../../src/tensor/tensor.js';
import { writeModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { relativeError } from '../reference/fixtures.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { failure, SIDE, SMALL_MODEL, smallInput } from './models.js';

afterEach(expectNoComplaints);

const INPUT_SIZE = [SIDE, SIDE] as const;
const { bodyOffset } = readWholeHeader(SMALL_MODEL);

/** A safetensors file with its tensors in this order. */
function fileOf(tensors: readonly Tensor[], metadata: ReadonlyMap<string, string>): Uint8Array<ArrayBuffer> {
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape, bytes }) => {
    end += bytes.length;
    return [name, { dtype, shape, data_offsets: [end - bytes.length, end] }] as const;
  });
  const header = { __metadata__: Object.fromEntries(metadata), ...Object.fromEntries(entries) };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(new BigUint64Array([BigInt(text.length)]).buffer);
  return new Uint8Array(Buffer.concat([length, text, ...tensors.map(({ bytes }) => bytes)]));
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe.skipIf(!hasDriver('swiftshader'))('a model that streams in', () => {
  let answer: RequestListener = () => undefined;
  let server: Server;
  let url = '';
  let gpu: GPU;
  let logits: Float32Array;

  beforeAll(async () => {
    server = createServer((request, response) => answer(request, response));
    server.keepAliveTimeout = 60_000; // longer than any test waits between two requests
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/model`;
    gpu = await dawnGpu('swiftshader');
    const net = await DenseNet.load(SMALL_MODEL, { gpu, inputSize: INPUT_SIZE });
    ({ logits } = await net.run(smallInput(1)));
    net.dispose();
  });
  afterAll(() => {
    server?.closeAllConnections();
    server?.close();
  });

  /** Sends pieces of a length, with or without telling the whole length first. */
  const inPieces = (file: Uint8Array, length: number, isTold: boolean) => async (response: ServerResponse) => {
    if (isTold) response.setHeader('content-length', file.length);
    for (let at = 0; at < file.length; at += length) {
      response.write(file.subarray(at, at + length));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  };

  it('compiles before the last byte, and gives the same logits', async () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const half = bodyOffset + 1000;
    answer = async (_, response) => {
      response.setHeader('content-length', SMALL_MODEL.length);
      response.write(SMALL_MODEL.subarray(0, half));
      await until(() => counting.counts.submits > 0);
      response.end(SMALL_MODEL.subarray(half));
    };
    const phases: string[] = [];
    const onProgress = ({ phase }: { phase: string }) => phases.at(-1) === phase || phases.push(phase);
    const net = await DenseNet.load(url, { gpu: counting.gpu, inputSize: INPUT_SIZE, onProgress });
    expect((await net.run(smallInput(1))).logits).toEqual(logits);
    expect(phases).toEqual(['download', 'read', 'upload', 'compile']);
    net.dispose();
    expect(counting.liveBuffers).toBe(0);
  });

  it.each([
    ['header byte by byte', 7, true],
    ['pieces that end inside tensors', 333, true],
    ['pieces of a length that is not told', 1021, false],
  ])('%s', async (_, length, isTold) => {
    answer = (_request, response) => void inPieces(SMALL_MODEL, length, isTold)(response);
    const net = await DenseNet.load(url, { gpu, inputSize: INPUT_SIZE });
    expect((await net.run(smallInput(1))).logits).toEqual(logits);
    net.dispose();
  });

  it('compressed, with the length of what is transferred', async () => {
    const packed = gzipSync(SMALL_MODEL);
    const progress: number[][] = [];
    answer = (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed);
    };
    const onProgress = ({ phase, loaded, total }: { phase: string; loaded: number; total: number }) =>
      phase === 'download' && progress.push([loaded, total]);
    const net = await DenseNet.load(url, { gpu, inputSize: INPUT_SIZE, onProgress });
    expect((await net.run(smallInput(1))).logits).toEqual(logits);
    expect(progress.at(-1)).toEqual([SMALL_MODEL.length, SMALL_MODEL.length]);
    net.dispose();
  });

  it('tensors in the opposite order', async () => {
    const { tensors, metadata } = readSafetensors(SMALL_MODEL);
    const turned = writeSafetensors([...tensors.values()].reverse(), metadata);
    answer = (_, response) => void inPieces(turned, 2000, true)(response);
    const net = await DenseNet.load(url, { gpu, inputSize: INPUT_SIZE });
    expect((await net.run(smallInput(1))).logits).toEqual(logits);
    net.dispose();
  });

  it('integers before their scales', async () => {
    const { tensors, metadata } = readSafetensors(SMALL_MODEL);
    const stored = readSafetensors(writeModel(tensors, decodeMetadata(metadata), 'int8'));
    // Written by size of their elements, scales would come first.
    const parts = splitScales(stored.tensors.values()).sort((a, b) => DTYPE_BYTES[a.dtype] - DTYPE_BYTES[b.dtype]);
    const turned = fileOf(parts, stored.metadata);
    const whole = await DenseNet.load(turned, { gpu, inputSize: INPUT_SIZE });
    answer = (_, response) => void inPieces(turned, 500, true)(response);
    const net = await DenseNet.load(url, { gpu, inputSize: INPUT_SIZE });
    const { logits: expected } = await whole.run(smallInput(1));
    expect((await net.run(smallInput(1))).logits).toEqual(expected);
    expect(relativeError(expected, logits)).toBeGreaterThan(0);
    expect(relativeError(expected, logits)).toBeLessThan(5e-2);
    whole.dispose();
    net.dispose();
  });

  const longer = new Uint8Array([...SMALL_MODEL, 0, 0]);
  const poisoned = SMALL_MODEL.slice();
  poisoned.fill(0xff, -4); // a NaN in the last tensor
  it.each<[string, RequestListener, RegExp]>([
    [
      'breaks off',
      (_, response) => {
        response.setHeader('content-length', SMALL_MODEL.length);
        response.write(SMALL_MODEL.subarray(0, bodyOffset + 500), () => setTimeout(() => response.destroy(), 50));
      },
      /^DownloadError: http.* could not be fetched/,
    ],
    [
      'breaks off in its header',
      (_, response) => void inPieces(SMALL_MODEL.subarray(0, 100), 50, false)(response),
      /^DownloadError: http.* ended after 100 bytes inside its header: try again/,
    ],
    [
      'ends early',
      (_, response) => void inPieces(SMALL_MODEL.subarray(0, -8), 5000, false)(response),
      /^DownloadError: http.* ended after \d+ bytes of \d+: try again/,
    ],
    [
      'goes on behind its tensors',
      (_, response) => void inPieces(longer, 5000, false)(response),
      /^ModelFormatError: .*belong to no tensor/,
    ],
    ['is empty', (_, response) => response.end(), /^ModelFormatError: .* is empty/],
    [
      'is a web page',
      (_, response) => response.end('<!doctype html><title>not found</title>'),
      /^ModelFormatError: .* it is an HTML page, not a model: is the file where the address says/,
    ],
    [
      'is a Git LFS pointer',
      (_, response) => response.end('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n'),
      /^ModelFormatError: .* a Git LFS pointer/,
    ],
    [
      'is a PyTorch file',
      (_, response) => response.end(new Uint8Array([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20])),
      /^ModelFormatError: .* a PyTorch checkpoint: convert it with densenet-webgpu import/,
    ],
    [
      'holds a NaN at its end',
      (_, response) => void inPieces(poisoned, 5000, true)(response),
      /^ModelFormatError: .* has NaN/,
    ],
  ])('one that %s is refused, and nothing stays', async (_, listener, message) => {
    answer = listener;
    const counting = new CountingGpu(gpu, { features: [] });
    const device = await counting.open();
    expect(await failure(DenseNet.load(url, { device, inputSize: INPUT_SIZE }))).toMatch(message);
    expect([counting.liveBuffers, counting.liveTextures]).toEqual([0, 0]);
    device.destroy();
  });

  it('one that is aborted half-way ends at once, with the connection, and nothing stays', async () => {
    let isClosed = false;
    answer = (_, response) => {
      response.on('close', () => {
        isClosed = true;
      });
      response.setHeader('content-length', SMALL_MODEL.length);
      response.write(SMALL_MODEL.subarray(0, bodyOffset + 500));
    };
    const counting = new CountingGpu(gpu, { features: [] });
    const device = await counting.open();
    const controller = new AbortController();
    const load = failure(DenseNet.load(url, { device, inputSize: INPUT_SIZE, signal: controller.signal }));
    await until(() => counting.counts.submits > 0);
    controller.abort();
    expect(await load).toMatch(/^AbortedError: load/);
    expect([counting.liveBuffers, counting.liveTextures]).toEqual([0, 0]);
    await until(() => isClosed);
    device.destroy();
  });
});
