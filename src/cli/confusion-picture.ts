/** Draws a confusion matrix as a PNG: a row for each true class, a column for each predicted one, both from class 0. */
import { crc32, deflateSync } from 'node:zlib';
import type { Confusion } from './metrics.js';

/** Up to this many classes the cells hold their percentage, and the margins the indices of the classes. */
const MAX_NUMBERED = 64;
const NUMBERED_CELL = 28;
/** The side of a larger matrix, at most, in pixels. */
const LARGE_SIDE = 1024;
/** Pixels of a font's dot. */
const DOT = 2;

type Colour = readonly [red: number, green: number, blue: number];
const PAPER: Colour = [255, 255, 255];
const INK: Colour = [20, 20, 20];
/** Of no image and of all images of the row. */
const RAMP: readonly [Colour, Colour] = [
  [240, 244, 248],
  [8, 64, 129],
];

/** Digits of 3 × 5 dots, row by row. */
const DIGITS = [
  '111101101101111',
  '010110010010111',
  '111001111100111',
  '111001111001111',
  '101101111001001',
  '111100111001111',
  '111100111101111',
  '111001010010010',
  '111101111101111',
  '111101111001111',
];

/**
 * A cell's colour is the share of its row, by its square root, so that a few errors are seen.
 *
 * @returns the bytes of the file
 */
export function drawConfusion(confusion: readonly Confusion[], classes: number): Buffer {
  const isNumbered = classes <= MAX_NUMBERED;
  const cell = isNumbered ? NUMBERED_CELL : Math.max(1, Math.floor(LARGE_SIDE / classes));
  const margin = isNumbered ? NUMBERED_CELL : 0;
  const side = margin + cell * classes;
  const canvas = new Canvas(side, isNumbered ? PAPER : RAMP[0]);
  const rows = new Float64Array(classes);
  for (const pair of confusion) rows[pair.true] = (rows[pair.true] ?? 0) + pair.images;
  const gap = cell > 4 ? 1 : 0;
  const fill = (row: number, column: number, share: number) =>
    canvas.fill(margin + column * cell, margin + row * cell, cell - gap, mix(Math.sqrt(share)));
  for (let index = 0; isNumbered && index < classes ** 2; index++)
    fill(Math.floor(index / classes), index % classes, 0);
  for (const { true: row, predicted, images } of confusion) {
    const share = images / (rows[row] ?? 1);
    fill(row, predicted, share);
    const percent = Math.round(100 * share);
    if (!isNumbered || percent === 0) continue;
    canvas.number(percent, margin + (predicted + 0.5) * cell, margin + (row + 0.5) * cell, share > 0.2 ? PAPER : INK);
  }
  for (let index = 0; isNumbered && index < classes; index++) {
    canvas.number(index, margin + (index + 0.5) * cell, margin / 2, INK);
    canvas.number(index, margin / 2, margin + (index + 0.5) * cell, INK);
  }
  return canvas.toPng();
}

const mix = (share: number): Colour => {
  const [[r0, g0, b0], [r1, g1, b1]] = RAMP;
  const at = (from: number, to: number) => Math.round(from + (to - from) * share);
  return [at(r0, r1), at(g0, g1), at(b0, b1)];
};

/** A square of RGB pixels. */
class Canvas {
  private readonly pixels: Buffer;

  constructor(
    private readonly side: number,
    background: Colour,
  ) {
    this.pixels = Buffer.alloc(3 * side * side, Buffer.from(background));
  }

  fill(left: number, top: number, size: number, colour: Colour): void {
    for (let y = top; y < top + size; y++) {
      for (let x = left; x < left + size; x++) this.pixels.set(colour, 3 * (y * this.side + x));
    }
  }

  /** Centred at a point. */
  number(value: number, x: number, y: number, colour: Colour): void {
    const text = String(value);
    const left = Math.round(x - ((4 * text.length - 1) * DOT) / 2);
    const top = Math.round(y - (5 * DOT) / 2);
    for (const [place, digit] of [...text].entries()) {
      for (const [dot, isSet] of [...(DIGITS[Number(digit)] ?? '')].entries()) {
        if (isSet === '0') continue;
        this.fill(left + (4 * place + (dot % 3)) * DOT, top + Math.floor(dot / 3) * DOT, DOT, colour);
      }
    }
  }

  /** RGB of 8 bits, each row behind its filter byte (none). */
  toPng(): Buffer {
    const { side, pixels } = this;
    const header = Buffer.alloc(13);
    header.writeUInt32BE(side, 0);
    header.writeUInt32BE(side, 4);
    header.set([8, 2], 8);
    const rows = Buffer.alloc(side * (1 + 3 * side));
    for (let y = 0; y < side; y++) pixels.copy(rows, y * (1 + 3 * side) + 1, 3 * y * side, 3 * (y + 1) * side);
    const chunks = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))];
    return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...chunks]);
  }
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}
