/** What fuzzing found, one case each, made as small as it gets. What exhausts memory is in bombs.test.ts. */
import { unzipSync, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { isDenseNetError } from '../../src/core/errors.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';
import { readNumber, writeNumber } from './bytes.js';

const HUGE = 2n ** 40n;

async function refusal(bytes: Uint8Array): Promise<string> {
  const began = process.cpuUsage();
  const error: unknown = await importCheckpoint(bytes, 'model').then(
    () => 'it was accepted',
    (caught: unknown) => caught,
  );
  const { user, system } = process.cpuUsage(began);
  expect(user + system, 'microseconds').toBeLessThan(1_000_000);
  return isDenseNetError(error) ? error.message : String(error);
}

/** The first place, in steps of eight, where these 64-bit numbers stand in a row. */
function find(bytes: Uint8Array, ...numbers: readonly bigint[]): number {
  for (let at = 0; at < bytes.length; at += 8) {
    if (numbers.every((number, i) => readNumber(bytes, at + 8 * i, 8) === number)) return at;
  }
  throw new Error(`${numbers} are not in the file`);
}

describe('Keras files', () => {
  const file = readBytes(`${FIXTURES}keras/keras-cifar.h5`);

  it('an empty kernel with sides of 2^40 is not walked through', async () => {
    const bytes = Uint8Array.from(file);
    const shape = find(bytes, 3n, 3n, 6n, 4n);
    for (const [axis, side] of [HUGE, HUGE, HUGE, 0n].entries()) writeNumber(bytes, shape + 8 * axis, 8, side);
    expect(await refusal(bytes)).toMatch(/expected weights \[out, in, k, k\]/);
  });

  it('a list of 2^40 texts of no bytes is not made', async () => {
    const bytes = Uint8Array.from(file);
    const name = Buffer.from(bytes).indexOf('layer_names\0');
    const [type, space] = [name + 16, name + 40];
    bytes[type] = 0x13; // texts of a fixed size
    writeNumber(bytes, type + 4, 4, 0n);
    writeNumber(bytes, space + 8, 8, HUGE);
    expect(await refusal(bytes)).toMatch(/points to 1099511627776 bytes/);
  });

  it('a layer of the class "constructor" is a layer that nobody knows', async () => {
    const bytes = Uint8Array.from(file);
    const text = Buffer.from(bytes.buffer);
    text.write('"constructor"', text.indexOf('"Concatenate"'));
    expect(await refusal(bytes)).toMatch(/\(constructor\) does not fit: it takes two feature maps/);
  });
});

describe('PyTorch files', () => {
  it('a storage of the type "constructor" is of no type that weights have', async () => {
    const members = unzipSync(readBytes(`${FIXTURES}torchvision-mixed.pth`));
    const name = Object.keys(members).find((key) => key.endsWith('data.pkl')) ?? '';
    const pickle = Buffer.from(members[name] ?? []).toString('latin1');
    const changed = pickle.replace('ctorch\nFloatStorage\n', 'ctorch\nconstructor\n');
    expect(changed).not.toBe(pickle);
    const bytes = zipSync({ ...members, [name]: Buffer.from(changed, 'latin1') });
    expect(await refusal(bytes)).toMatch(/the tensors do not make a DenseNet|no named tensors|not a DenseNet/);
  });
});
