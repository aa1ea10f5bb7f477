/** The files that `classify` reads and writes: lists of images, CSV, `.npy`, and the line of progress. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { csvLine, parseCsv } from '../../src/cli/csv.js';
import { imageFiles, withListedNames } from '../../src/cli/list-images.js';
import { NpyFile } from '../../src/cli/npy.js';
import { describeProgress } from '../../src/cli/progress.js';
import { gray16 } from '../cli/images.js';

const FOLDER = mkdtempSync(join(tmpdir(), 'densenet-webgpu-files-'));
afterAll(() => rmSync(FOLDER, { recursive: true }));
const at = (name: string) => join(FOLDER, name);

describe('the images of a folder', () => {
  const PNG = gray16(1, 1, () => 0);
  mkdirSync(at('tree/b/deep'), { recursive: true });
  mkdirSync(at('tree/empty'));
  for (const name of ['a.png', 'b/one.jpg', 'b/deep/[x].png', 'z.png']) writeFileSync(at(`tree/${name}`), PNG);
  writeFileSync(at('tree/notes.txt'), 'not an image');
  symlinkSync('..', at('tree/b/up'));
  symlinkSync('b/one.jpg', at('tree/link.jpg'));
  const found = (...names: string[]) =>
    imageFiles(names.map(at)).map(({ path, error }) => [relative(FOLDER, path), error].filter(Boolean).join(': '));

  it('are those in all its folders, told by content, once each though a link leads back', () => {
    expect(found('tree')).toEqual([
      'tree/a.png',
      'tree/b/deep/[x].png',
      'tree/b/one.jpg',
      'tree/link.jpg',
      'tree/z.png',
    ]);
  });

  it('are found by patterns with **, {a,b} and [a-z], and by names that look like patterns', () => {
    expect(found('tree/**/*.{jpg,gif}')).toEqual(['tree/b/one.jpg', 'tree/link.jpg']);
    expect(found('tree/[a-m].png')).toEqual(['tree/a.png']);
    expect(found('tree/b/deep/[x].png')).toEqual(['tree/b/deep/[x].png']);
  });

  it('are missing with a reason, each argument by itself', () => {
    expect(found('none.png', 'tree/empty', 'tree/*.gif', 'tree/z.png')).toEqual([
      'none.png: there is no such file: check the path',
      'tree/empty: there are no images in this folder',
      'tree/*.gif: no file matches it',
      'tree/z.png',
    ]);
  });

  it('may be listed on stdin, with any line ends, in pieces that cut a letter', async () => {
    async function* input() {
      const bytes = Buffer.from('é.png\r\n\nb c.png');
      yield bytes.subarray(0, 1);
      yield bytes.subarray(1);
    }
    expect(await withListedNames(['x', '-', 'y'], input())).toEqual(['x', 'é.png', 'b c.png', 'y']);
    expect(await withListedNames(['x'], input())).toEqual(['x']);
  });
});

describe('CSV', () => {
  it('reads what it has written', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é', '.') });
    const cell = text.filter((value) => value.trim() === value && !/^[=+@\t\r]|^-/.test(value));
    const row = fc.array(cell, { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        expect(parseCsv(rows.map(csvLine).join(''))).toEqual(rows);
      }),
    );
  });

  it('writes no formulas, and reads files of spreadsheets', () => {
    expect(csvLine(['=1+1', '-x', -1.5, '+'])).toBe("'=1+1,'-x,-1.5,'+\r\n");
    expect(parseCsv('\ufeffimage, label\n"a ""b"".png" ,cat\n\nc.png,\n')).toEqual([
      ['image', 'label'],
      ['a "b".png', 'cat'],
      ['c.png', ''],
    ]);
  });
});

describe('.npy', () => {
  it('holds float32 rows in C order, is whole after each flush, and has NaN for a row without values', () => {
    const file = new NpyFile(at('rows.npy'));
    file.add(null);
    file.flush();
    file.add(Float32Array.of(1, 2));
    file.flush();
    const [first] = [readFileSync(at('rows.npy'))];
    file.add(Float32Array.of(3, -0.5));
    expect(file.close()).toEqual([3, 2]);
    const bytes = readFileSync(at('rows.npy'));
    const dict = (rows: number) => `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, 2), }`;
    expect(first?.toString('latin1', 10, 128).trim()).toBe(dict(2));
    // https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html: the data begin at a multiple of 64.
    expect(bytes.toString('latin1', 0, 8)).toBe('\x93NUMPY\x01\x00');
    expect(bytes.readUInt16LE(8)).toBe(128 - 10);
    expect(bytes.toString('latin1', 10, 128)).toBe(`${dict(3).padEnd(117)}\n`);
    const values = new Float32Array(new Uint8Array(bytes.subarray(128)).buffer);
    expect([...values]).toEqual([Number.NaN, Number.NaN, 1, 2, 3, -0.5]);
  });

  it('is not made where no row has values', () => {
    const file = new NpyFile(at('none.npy'));
    file.add(null);
    expect(file.close()).toBeNull();
    expect(() => readFileSync(at('none.npy'))).toThrow(/ENOENT/);
  });
});

describe('progress', () => {
  it('says how many, how fast and how long yet', () => {
    expect(describeProgress(40, 500, 0, 2)).toBe('40 of 500 pictures, 20.0 a second, 23 s left');
    expect(describeProgress(1, 50_000, 1, 0.5)).toBe('1 of 50,000 pictures (1 failed), 2.0 a second, 6.9 h left');
    expect(describeProgress(500, 500, 3, 100)).toBe('500 of 500 pictures (3 failed), 5.0 a second');
    expect(describeProgress(0, 3, 0, 0)).toBe('0 of 3 pictures, 0.0 a second');
  });
});
