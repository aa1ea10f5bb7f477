/** Writes a matrix of float32 as an `.npy` file, which numpy, MATLAB and others read, row by row. */
import { closeSync, openSync, writeSync } from 'node:fs';

/** NPY format 1.0: magic, version, length of the header, then a Python dict padded with spaces; all little-endian. */
const HEADER_BYTES = 128;
const MAGIC = '\x93NUMPY\x01\x00';

/**
 * `[rows, columns]` of `<f4` in C order. The header is written anew after every {@link flush}, so that the file is whole
 * whenever the process ends. Rows without values are NaN. No file is made before the first row with values.
 */
export class NpyFile {
  private file: number | null = null;
  private columns = 0;
  private rows = 0;
  private pending: (Float32Array | null)[] = [];

  constructor(readonly path: string) {}

  add(row: Float32Array | null): void {
    this.pending.push(row);
  }

  /** @throws when the file cannot be written */
  flush(): void {
    const width = this.columns || this.pending.find((row) => row !== null)?.length;
    if (width === undefined || this.pending.length === 0) return;
    this.columns = width;
    this.file ??= openSync(this.path, 'w');
    const values = new Float32Array(this.pending.length * width).fill(Number.NaN);
    for (const [i, row] of this.pending.entries()) if (row) values.set(row, i * width);
    writeSync(this.file, new Uint8Array(values.buffer), 0, values.byteLength, HEADER_BYTES + 4 * width * this.rows);
    this.rows += this.pending.length;
    this.pending = [];
    writeSync(this.file, npyHeader([this.rows, width]), 0, HEADER_BYTES, 0);
  }

  /** @returns the shape of what was written; null where no row had values, and no file was made */
  close(): readonly [rows: number, columns: number] | null {
    this.flush();
    if (this.file === null) return null;
    closeSync(this.file);
    return [this.rows, this.columns];
  }
}

function npyHeader([rows, columns]: readonly [rows: number, columns: number]): Buffer {
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  const header = Buffer.alloc(HEADER_BYTES, ' ');
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt16LE(HEADER_BYTES - 10, 8);
  header.write(dict, 10, 'latin1');
  header.write('\n', HEADER_BYTES - 1, 'latin1');
  return header;
}
