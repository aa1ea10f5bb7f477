/** What reading takes where it shows: files of 16 MiB and more, and the memory beside them. */
import { unzipSync, zipSync } from 'fflate';
import { expect, it } from 'vitest';
import { randomModel } from '../../src/bench/random-model.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { familyConfig } from '../../src/model/family.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';
import { concatenate } from './bytes.js';

const PADDING = 16 * 2 ** 20;

/** A storage may be longer than its tensor: this one by sixteen megabytes, which have to be unpacked with it. */
function paddedZip(): Uint8Array {
  const members = unzipSync(readBytes(`${FIXTURES}torchvision-mixed.pth`));
  const storage = Object.keys(members).find((name) => name.endsWith('data/0')) ?? '';
  const padded = concatenate(members[storage] ?? new Uint8Array(0), new Uint8Array(PADDING));
  return zipSync({ ...members, [storage]: padded }, { level: 0 });
}

const padded = (file: string): Uint8Array => concatenate(readBytes(`${FIXTURES}${file}`), new Uint8Array(PADDING));

/** Field 100 of the model, which no reader knows, of sixteen megabytes. */
function paddedOnnx(): Uint8Array {
  const length = [0, 7, 14, 21].map((shift) => ((PADDING >> shift) & 127) | (shift < 21 ? 128 : 0));
  return concatenate(
    readBytes(`${FIXTURES}onnx/converted.onnx`),
    Uint8Array.of(0xa2, 0x06, ...length),
    new Uint8Array(PADDING),
  );
}

it.each([
  ['safetensors', () => randomModel(familyConfig('densenet-100-12'), 1), 0.25],
  ['a PyTorch archive', paddedZip, 1.25],
  ['a PyTorch stream', () => padded('torchvision-download.pth'), 0.25],
  ['ONNX', paddedOnnx, 0.25],
  ['HDF5', () => padded('keras/keras-cifar.h5'), 0.25],
])('%s: tensors are views of the file, or copied once', async (_, make, most) => {
  const file = make();
  expect(file.length).toBeGreaterThan(PADDING);
  const before = process.memoryUsage().arrayBuffers;
  const { tensors } = await importCheckpoint(file, 'model');
  const taken = process.memoryUsage().arrayBuffers - before;
  expect(tensors.size).toBeGreaterThan(10);
  expect(taken / file.length, 'times the file').toBeLessThan(most);
});
