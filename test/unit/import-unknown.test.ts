/** What people take for a checkpoint: each mistake is told by name, with the repair. */
import { gzipSync, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { ModelFormatError } from '../../src/core/errors.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';

const text = (value: string) => Uint8Array.from(value, (letter) => letter.charCodeAt(0));

/** A schema version of 1, and one meta graph. */
function savedModel(): Uint8Array {
  const bytes = new Uint8Array(5 + 2000);
  bytes.set([0x08, 1, 0x12, 0xd0, 0x0f]);
  return bytes;
}

async function refusal(bytes: Uint8Array): Promise<string> {
  try {
    await importCheckpoint(bytes, 'net.pth');
  } catch (error) {
    if (error instanceof ModelFormatError) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('no checkpoint', () => {
  const tar = new Uint8Array(1024);
  tar.set(text('checkpoint.pth'));
  tar.set(text('ustar'), 257);
  const cases: [what: string, bytes: Uint8Array, message: RegExp][] = [
    ['a checkpoint in gzip', gzipSync(readBytes(`${FIXTURES}monai.pth`)), /compressed with gzip: unpack it first/],
    ['a tar archive', tar, /a tar archive: unpack it first, or, if PyTorch before 0\.1\.10/],
    ['a pointer of Git LFS', text('version https://git-lfs.github.com/spec/v1\noid sha256:0'), /run "git lfs pull"/],
    ['a page in its place', text('<!DOCTYPE html><title>Sign in</title>'), /a web page or XML, not the file/],
    [
      'an OpenVINO model',
      text('<?xml version="1.0"?>\n<net name="densenet" version="11">'),
      /OpenVINO model: import the ONNX/,
    ],
    ['a TensorFlow Lite model', text('\x1c\x00\x00\x00TFL3\x00'), /TensorFlow Lite model: import the Keras model/],
    ["a model in ONNX Runtime's format", text('\x18\x00\x00\x00ORTM\x00'), /import the \.onnx file/],
    ['a SavedModel', savedModel(), /TensorFlow SavedModel: load it with Keras/],
    ['a Core ML model', text('\x08\x04\x12\x60\xa2\x06\x5dcom.github.apple.coremltools.version'), /Core ML model/],
    ['a NumPy array', text('\x93NUMPY\x01\x00'), /one NumPy array/],
    ['an empty zip', text(`PK\x05\x06${'\x00'.repeat(18)}`), /an empty zip archive/],
    ['an empty file', new Uint8Array(0), /it begins with nothing/],
    ['a picture', text('\xff\xd8\xff\xe0'), /it begins with ff d8 ff e0$/],
  ];
  for (const [what, bytes, message] of cases) {
    it(what, async () => {
      expect(await refusal(bytes)).toMatch(/^"net\.pth" is none of the checkpoint formats that can be imported/);
      expect(await refusal(bytes)).toMatch(message);
    });
  }
});

it('an archive of torch.export says what to save instead', async () => {
  const bytes = zipSync({ 'net/archive_format': text('pt2'), 'net/models/model.json': text('{}') }, { level: 0 });
  expect(await refusal(bytes)).toMatch(/a torch\.export archive \(\.pt2\): save the weights/);
});

describe('half a checkpoint', () => {
  for (const file of ['monai.pth', 'torchvision-download.pth', 'containers/timm.f32.safetensors']) {
    it(`${file}, wherever it ends`, async () => {
      const whole = readBytes(`${FIXTURES}${file}`);
      const began = process.cpuUsage();
      for (let part = 1; part < 40; part++) {
        const message = await refusal(whole.subarray(0, Math.floor((whole.length * part) / 40)));
        expect(message).toMatch(/damaged or truncated|ends early|truncated|ends inside its header|longer than the/);
      }
      const { user, system } = process.cpuUsage(began);
      expect((user + system) / 1000, 'milliseconds of a processor for 39').toBeLessThan(2000);
    });
  }
});
