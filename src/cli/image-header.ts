/** Tells an image's format and size from its bytes, without decoding it, so that neither a name nor a decoder is trusted. */
import { ImageError } from '../core/errors.js';

/** The raster formats that browsers decode. */
export type ImageFormat = 'JPEG' | 'PNG' | 'WebP' | 'GIF' | 'BMP' | 'AVIF';

/** `advice` is what to do with an image of a kind that is not decoded. */
export type DetectedImage = { readonly format: ImageFormat } | { readonly kind: string; readonly advice: string };

export interface ImageHeader {
  readonly format: ImageFormat;
  /** In pixels, as stored: the orientation is not applied. */
  readonly width: number;
  readonly height: number;
  /** Bits per channel. Known for PNG only; 8 elsewhere. */
  readonly depth: number;
}

/** As many as WebGPU's default limit allows in one texture, 8192 × 8192. They take 256 MiB decoded. */
export const MAX_PIXELS = 2 ** 26;

/** Bytes at the start of a file that {@link detectImage} looks at. */
export const SIGNATURE_BYTES = 4096;

interface Signature {
  readonly at: number;
  /** Bytes as Latin-1. */
  readonly text: string;
}

const FORMATS: readonly (Signature & { readonly format: ImageFormat })[] = [
  { at: 0, text: '\xff\xd8\xff', format: 'JPEG' },
  { at: 0, text: '\x89PNG\r\n\x1a\n', format: 'PNG' },
  { at: 8, text: 'WEBP', format: 'WebP' },
  { at: 0, text: 'GIF87a', format: 'GIF' },
  { at: 0, text: 'GIF89a', format: 'GIF' },
];

const OTHERS: readonly (Signature & { readonly kind: string; readonly advice: string })[] = [
  { at: 0, text: 'II*\0', kind: 'TIFF', advice: 'convert it to PNG' },
  { at: 0, text: 'MM\0*', kind: 'TIFF', advice: 'convert it to PNG' },
  { at: 0, text: '\xff\x0a', kind: 'JPEG XL', advice: 'convert it to PNG' },
  { at: 4, text: 'JXL \r\n', kind: 'JPEG XL', advice: 'convert it to PNG' },
  { at: 4, text: 'jP  \r\n', kind: 'JPEG 2000', advice: 'convert it to PNG' },
  { at: 128, text: 'DICM', kind: 'DICOM', advice: 'export the image as PNG' },
  { at: 0, text: '%PDF', kind: 'a PDF document', advice: 'export the page as PNG' },
  { at: 0, text: '8BPS', kind: 'a Photoshop file', advice: 'export it as PNG' },
];

const HEIF_BRANDS = /^(?:hei[cfmsx]|hev[cmsx]|mi[af]1|mif[12]|msf1)$/;
const BMP_HEADER_BYTES = new Set([12, 40, 52, 56, 64, 108, 124]);

/** @param start the first {@link SIGNATURE_BYTES} of a file @returns null when it is not an image */
export function detectImage(start: Uint8Array): DetectedImage | null {
  const text = Buffer.from(start.subarray(0, SIGNATURE_BYTES)).toString('latin1');
  const hasSignature = (row: Signature) => text.startsWith(row.text, row.at);
  const format = FORMATS.find(hasSignature)?.format;
  if (format) return { format };
  if (text.startsWith('BM') && BMP_HEADER_BYTES.has(text.charCodeAt(14)) && text.startsWith('\0\0\0', 15)) {
    return { format: 'BMP' };
  }
  const brands = brandsOf(text);
  if (brands.some((brand) => brand === 'avif' || brand === 'avis')) return { format: 'AVIF' };
  if (brands.some((brand) => HEIF_BRANDS.test(brand))) return { kind: 'HEIC', advice: 'convert it to JPEG' };
  const isMarkup = text
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart()
    .startsWith('<');
  if (isMarkup && /<svg/i.test(text)) return { kind: 'an SVG drawing', advice: 'export it as PNG' };
  return OTHERS.find(hasSignature) ?? null;
}

/** The brands of an ISO media file, the major one first; none for other files. */
function brandsOf(text: string): string[] {
  if (!text.startsWith('ftyp', 4)) return [];
  const bytes = Math.min(256, text.charCodeAt(2) * 256 + text.charCodeAt(3));
  return (text.slice(8, bytes).match(/.{4}/gs) ?? []).filter((_, i) => i !== 1); // the second is the version
}

/**
 * Reads the header of a whole file.
 *
 * @throws ImageError when it is not a raster image, is damaged, or has more than {@link MAX_PIXELS}
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader {
  const detected = detectImage(bytes);
  if (!detected) throw new ImageError('this is not an image: it must be JPEG, PNG, WebP, GIF, BMP or AVIF');
  if ('kind' in detected) throw new ImageError(`this is ${detected.kind}, which is not decoded: ${detected.advice}`);
  const { format } = detected;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size: Size | null = null;
  try {
    size = SIZE_READERS[format](view);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the file ends within its header
  }
  if (!size || size.width < 1 || size.height < 1) {
    throw new ImageError(`this ${format} file is damaged: its header gives no size`);
  }
  const { width, height, depth = 8 } = size;
  if (width * height > MAX_PIXELS) {
    throw new ImageError(
      `the image has ${width}×${height} pixels, but at most ${MAX_PIXELS} (8192×8192) are decoded: make it smaller first`,
    );
  }
  return { format, width, height, depth };
}

interface Size {
  readonly width: number;
  readonly height: number;
  readonly depth?: number;
}

/** Each returns null when the header is damaged, or throws a RangeError when the file ends within it. */
const SIZE_READERS: Readonly<Record<ImageFormat, (view: DataView) => Size | null>> = {
  PNG: (view) => {
    if (fourCharacters(view, 12) !== 'IHDR') return null;
    return { width: view.getUint32(16), height: view.getUint32(20), depth: view.getUint8(24) };
  },
  GIF: (view) => ({ width: view.getUint16(6, true), height: view.getUint16(8, true) }),
  BMP: (view) =>
    view.getUint32(14, true) === 12
      ? { width: view.getUint16(18, true), height: view.getUint16(20, true) }
      : { width: view.getInt32(18, true), height: Math.abs(view.getInt32(22, true)) },
  WebP: webpSize,
  JPEG: jpegSize,
  AVIF: (view) => avifSize(view, 0, view.byteLength),
};

function fourCharacters(view: DataView, offset: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(offset + i)));
}

/** RFC 9649: the first chunk is a lossy image, a lossless one, or the extended header. */
function webpSize(view: DataView): Size | null {
  switch (fourCharacters(view, 12)) {
    case 'VP8 ':
      return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
    case 'VP8L': {
      const bits = view.getUint32(21, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 'VP8X':
      return { width: (view.getUint32(24, true) & 0xffffff) + 1, height: (view.getUint32(26, true) >>> 8) + 1 };
    default:
      return null;
  }
}

/** ITU-T T.81: the size is in the frame header (SOF), behind other segments. */
function jpegSize(view: DataView): Size | null {
  let offset = 2;
  while (view.getUint8(offset) === 0xff) {
    const marker = view.getUint8(offset + 1);
    if (marker === 0xff) {
      offset += 1; // a fill byte
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: view.getUint16(offset + 5), width: view.getUint16(offset + 7) };
    const hasNoLength = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    offset += hasNoLength ? 2 : 2 + view.getUint16(offset + 2);
  }
  return null;
}

/** ISO/IEC 23008-12: the largest `ispe` (image spatial extents) property in `meta`, `iprp`, `ipco`. */
function avifSize(view: DataView, start: number, end: number): Size | null {
  let largest: Size | null = null;
  for (let offset = start; offset + 8 <= end; ) {
    const type = fourCharacters(view, offset + 4);
    const isLong = view.getUint32(offset) === 1;
    const stated = isLong ? Number(view.getBigUint64(offset + 8)) : view.getUint32(offset);
    const next = stated === 0 ? end : offset + stated;
    const body = offset + (isLong ? 16 : 8);
    if (next < body || next > end) return null;
    const found = sizeInBox(view, type, body, next);
    if (found && (!largest || found.width * found.height > largest.width * largest.height)) largest = found;
    offset = next;
  }
  return largest;
}

function sizeInBox(view: DataView, type: string, body: number, end: number): Size | null {
  if (type === 'ispe') return { width: view.getUint32(body + 4), height: view.getUint32(body + 8) };
  if (type === 'meta') return avifSize(view, body + 4, end);
  return type === 'iprp' || type === 'ipco' ? avifSize(view, body, end) : null;
}
