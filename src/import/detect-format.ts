/** What a file is that is no checkpoint: the mistakes that people make with downloads, by the bytes they begin with. */

interface Row {
  /** At this offset the file holds this text. */
  readonly at: number;
  readonly text: string;
  readonly say: string;
}

const ROWS: readonly Row[] = [
  { at: 0, text: '\x1f\x8b', say: 'it is compressed with gzip: unpack it first' },
  { at: 0, text: 'BZh', say: 'it is compressed with bzip2: unpack it first' },
  { at: 0, text: '\xfd7zXZ', say: 'it is compressed with xz: unpack it first' },
  {
    at: 257,
    text: 'ustar',
    say: 'it is a tar archive: unpack it first, or, if PyTorch before 0.1.10 wrote it, load it there and save it again',
  },
  {
    at: 0,
    text: 'version https://git-lfs',
    say: 'it is a Git LFS pointer, not the file: run "git lfs pull", or download the file itself',
  },
  { at: 0, text: '<', say: 'it is a web page or XML, not the file that a link promised: download it again' },
  { at: 0, text: '\x93NUMPY', say: 'it is one NumPy array, not a network' },
  {
    at: 0,
    text: '{',
    say: 'it is JSON, but no TensorFlow.js model.json: an index of sharded weights names files that must be one',
  },
  { at: 0, text: 'PK\x05\x06', say: 'it is an empty zip archive' },
];

/** @returns what can be said of it, or what its first bytes are */
export function describeUnknown(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes.subarray(0, 512));
  const row = ROWS.find(({ at, text: magic }) => text.startsWith(magic, at));
  if (row) return row.say;
  const start = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `it begins with ${start || 'nothing'}`;
}
