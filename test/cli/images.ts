/** Image files made for the tests of the command line. */
import { crc32, deflateSync } from 'node:zlib';

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: 1 | 8 | 16;
  /** 0 gray, 2 RGB. */
  readonly colourType: 0 | 2;
}

/** @param data the compressed rows, each behind its filter byte */
export function png({ width, height, depth, colourType }: PngHeader, data: Uint8Array): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colourType], 8);
  const chunks = [chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...chunks]);
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

/** A gray PNG of 16 bits per value. @param valueAt by column and row, 0 to 65535 */
export function gray16(width: number, height: number, valueAt: (x: number, y: number) => number): Buffer {
  const rows = Buffer.alloc(height * (1 + 2 * width));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows.writeUInt16BE(valueAt(x, y), y * (1 + 2 * width) + 1 + 2 * x);
  }
  return png({ width, height, depth: 16, colourType: 0 }, deflateSync(rows));
}
