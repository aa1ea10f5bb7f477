/** ONNX files on a real WebGPU: one of each kind of export, and the ONNX project's own DenseNet-121. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs/minimal.js';
import { afterEach, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { TOLERANCE } from '../../src/cli/verify.js';
import { DenseNet } from '../../src/densenet.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { writeModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { FIXTURES, readBytes, readReferenceFor, relativeError } from '../reference/fixtures.js';
import { CountingGpu, expectNoComplaints } from './counting.js';

afterEach(expectNoComplaints);

async function load(path: string): Promise<DenseNet> {
  const { tensors, metadata } = await importCheckpoint(readBytes(path), path);
  const { gpu } = new CountingGpu(await dawnGpu('swiftshader'), { features: [] });
  return DenseNet.load(writeModel(tensors, metadata), { gpu });
}

describe.skipIf(!hasDriver('swiftshader'))('on swiftshader', () => {
  it.each([
    ['torchvision-folded', 'torchvision-module'],
    ['new-first', 'densenet3-new-first'],
  ])('%s computes what its framework computes, at every tap', async (name, of) => {
    const net = await load(`${FIXTURES}onnx/${name}.onnx`);
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

  const light = fileURLToPath(new URL('../../../shared/weights/onnx-light-densenet121/', import.meta.url));

  it.skipIf(!existsSync(light))(
    'light_densenet121 of the ONNX backend tests gives the stored output (../shared/weights; skipped where absent)',
    async () => {
      const net = await load(`${light}light_densenet121.onnx`);
      const shape = [1, 3, 224, 224] as const;
      const count = 3 * 224 * 224;
      const { logits } = await net.run({ data: Float32Array.from({ length: count }, (_, i) => i / count), shape });
      net.dispose();
      const expected = outputOf(readBytes(`${light}light_densenet121_output_0.pb`));
      expect([logits.length, expected.length]).toEqual([1000, 1000]);
      const error = relativeError(logits, expected);
      console.log(`light_densenet121: within ${error.toExponential(2)} of the stored output`);
      // The backend test's own tolerance is 2e-3.
      expect(error).toBeLessThan(TOLERANCE.f32);
    },
  );
});

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
