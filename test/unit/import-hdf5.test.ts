/** HDF5 files from strangers: nothing outside the file is read, and whatever is wrong is one typed error, quickly. */
import { describe, expect, it } from 'vitest';
import { isDenseNetError } from '../../src/core/errors.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { openHdf5 } from '../../src/import/hdf5/file.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';

const whole = readBytes(`${FIXTURES}keras/keras2.h5`);
const KERNEL = 'conv1_conv/conv1_conv/kernel:0';

async function failure(bytes: Uint8Array): Promise<string> {
  try {
    await importCheckpoint(bytes, 'stranger.h5');
  } catch (error) {
    if (isDenseNetError(error)) return `${error.name}: ${error.message}`;
    throw error;
  }
  throw new Error('it was accepted');
}

/** Copies of the file with some bytes other. */
function changed(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = whole.slice();
  change(new DataView(bytes.buffer), bytes);
  return bytes;
}

describe('what Keras never writes is refused by name', () => {
  it.each([
    ['external-link', '"kernel:0" is an external link; nothing outside the file is read'],
    ['soft-link', '"kernel:0" is a soft link; nothing outside the file is read'],
    ['external-storage', `the data of "/${KERNEL}" is in another file`],
    ['unwritten', `"/${KERNEL}" was never written`],
    ['huge', `"/${KERNEL}" would be [1048576,1048576,3,64], larger than the file`],
    ['compressed', `"/${KERNEL}" is chunked or compressed, which Keras never writes: h5repack -f NONE -l CONTI`],
    ['big-endian', `"/${KERNEL}" is big-endian`],
    ['compound', `"/${KERNEL}" holds neither texts nor floats nor integers`],
    ['texts', `"/${KERNEL}" holds no numbers`],
    ['latest', 'it is of the layout that `libver="latest"` writes: save it with Keras, which does not'],
  ])('%s', async (name, message) => {
    const found = await failure(readBytes(`${FIXTURES}keras/hostile/${name}.h5`));
    expect(found).toContain(`ModelFormatError: bad HDF5 file: ${message}`);
  });
});

describe('a damaged file', () => {
  it('that is cut anywhere says so', async () => {
    for (const length of [8, 40, 95, 96, 1000, whole.length >> 1, whole.length - 1])
      expect(await failure(whole.slice(0, length)), `${length} bytes`).toMatch(/bad HDF5 file: it (is cut|points to)/);
  });

  it('with another magic is no HDF5 file at all', async () => {
    expect(await failure(changed((_, bytes) => bytes.fill(0x20, 4, 8)))).toMatch(/does not begin as one/);
    expect(await failure(changed((_, bytes) => bytes.fill(0x20, 0, 8)))).toMatch(/none of the checkpoint formats/);
  });

  it('of another version or with short addresses says which', async () => {
    expect(await failure(changed((view) => view.setUint8(8, 3)))).toMatch(/libver="latest"/);
    expect(await failure(changed((view) => view.setUint8(13, 4)))).toMatch(/its addresses are not of 8 bytes/);
  });

  it('changed anywhere, reads or fails with one typed error', async () => {
    const next = random(11);
    let refused = 0;
    for (let round = 0; round < 400; round++) {
      const bytes = changed((_, copy) => {
        for (let change = 0; change < 6; change++) {
          // Mostly structure: the root's headers and heaps lie at the beginning and near the end.
          const at = Math.floor(next() ** 2 * copy.length);
          if (next() < 0.6) copy[at] = Math.floor(next() * 256);
          else copy.fill(Math.floor(next() * 2) * 255, at, at + 8);
        }
      });
      try {
        await importCheckpoint(bytes, 'damaged.h5');
      } catch (error) {
        if (!isDenseNetError(error)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});

describe('a file made to exhaust', () => {
  it('whose tree of names shares its branches: 64 to the 8th of them in 9 KB', async () => {
    expect(() => openHdf5(branching(8, 64)).keys()).toThrow(/twice in one group|without end/);
    expect(() => openHdf5(branching(250, 250, true)).keys()).toThrow('its structures contain one another without end');
  });

  it('whose object header goes on into itself', async () => {
    const root = Number(new DataView(whole.buffer).getBigUint64(64, true));
    const looping = changed((view) => {
      view.setUint16(root + 2, 65_535, true);
      view.setUint16(root + 16, 0x10, true); // the first message: go on at this header's first message
      view.setUint16(root + 18, 16, true);
      view.setBigUint64(root + 24, BigInt(root + 16), true);
      view.setBigUint64(root + 32, 24n, true);
    });
    expect(await failure(looping)).toMatch(/bad HDF5 file|not one of Keras/);
  });
});

/**
 * The file with a tree of `levels` levels before the names of its root, each node with `fan` times the same child.
 *
 * @param empty the lowest nodes have no children, so that no name comes twice
 */
function branching(levels: number, fan: number, empty = false): Uint8Array {
  const node = 32 + 16 * fan;
  const bytes = new Uint8Array(whole.length + levels * node);
  bytes.set(whole);
  const view = new DataView(bytes.buffer);
  const tree = view.getBigUint64(80, true);
  let child = view.getBigUint64(Number(tree) + 32, true);
  for (let level = 0; level < levels; level++) {
    const at = whole.length + level * node;
    bytes.set([...Buffer.from('TREE'), 0, level], at);
    view.setUint16(at + 6, empty && level === 0 ? 0 : fan, true);
    for (let i = 0; i < fan; i++) view.setBigUint64(at + 32 + 16 * i, child, true);
    child = BigInt(at);
  }
  for (let at = 0; at < whole.length; at += 8) {
    if (view.getBigUint64(at, true) === tree) view.setBigUint64(at, child, true);
  }
  view.setBigUint64(40, BigInt(bytes.length), true);
  return bytes;
}

/** xorshift32: the same damage in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
