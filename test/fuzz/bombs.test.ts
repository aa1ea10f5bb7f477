/** Files made to exhaust: as much memory or time per byte as their format allows. Each is refused before it is either. */
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { isDenseNetError } from '../../src/core/errors.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { MAX_HEADER_BYTES, readSafetensors } from '../../src/tensor/safetensors.js';
import { loadInPieces } from './stream.js';

/** Of the process, whose heap grows in coarse steps. */
const MOST_GROWTH = 192 * 2 ** 20;
const MOST_MICROSECONDS = 1_000_000;
const LARGE = 16 * 2 ** 20;

const latin = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const filled = (start: string, piece: string, end: string, bytes: number): string =>
  start + piece.repeat(Math.floor((bytes - start.length - end.length) / piece.length)) + end;

function safetensors(header: string): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

/** A header as long as one may be. */
const header = (start: string, piece: string, end: string) => safetensors(filled(start, piece, end, MAX_HEADER_BYTES));
const pickle = (piece: string, start = '') =>
  zipSync({ 'x/data.pkl': latin(filled(`\x80\x02${start}`, piece, '.', LARGE)) }, { level: 0 });

function manyKeys(): Uint8Array {
  const keys = Array.from({ length: MAX_HEADER_BYTES / 10 }, (_, i) => `"${i.toString(36)}":0`);
  return safetensors(`{${keys.join(',')}}`);
}

type Bomb = readonly [what: string, file: () => Uint8Array, message: RegExp];

const SAFETENSORS: readonly Bomb[] = [
  ['a header of empty lists', () => header('[', '[],', '[]]'), /header is not a JSON object/],
  ['a header of empty objects', () => header('[', '{},', '{}]'), /header is not a JSON object/],
  ['a header of nested objects', () => header('', '{"a":', ''), /not valid JSON/],
  ['a header of names', manyKeys, /tensor "0": its header entry is not an object/],
  ['a header of one name', () => header('{"', 'a', '":0}'), /^bad safetensors file: tensor "a{900,970}$/],
  ['a header longer than any', () => safetensors(' '.repeat(MAX_HEADER_BYTES + 1)), /is longer than/],
];

const PYTORCH: readonly Bomb[] = [
  ['a pickle of dicts', () => pickle('}'), /more than 100000 objects/],
  ['a pickle of records', () => pickle('h\x00)\x81', 'cmymodel\nNet\nq\x00'), /more than 100000 objects/],
  ['a pickle of lists', () => pickle(']'), /more than 500000 instructions/],
  ['a pickle of nested tuples', () => pickle('\x85', ')'), /more than 500000 instructions/],
  ['a pickle of marks', () => pickle('('), /more than 500000 instructions/],
  ['a pickle that remembers one thing again and again', () => pickle('\x94', 'N'), /more than 500000 instructions/],
  ['a pickle of names', () => pickle('ca\nb\n'), /more than 500000 instructions/],
  ['a pickle of the old kind, of dicts', () => latin(filled('\x80\x02', '}', '', LARGE)), /more than 100000 objects/],
  ['a pickle with a number of sixteen million digits', () => pickle('9', 'I'), /a line has no end/],
  ['a zip that expands', () => zipSync({ 'x/data.pkl': new Uint8Array(LARGE) }, { level: 9 }), /would expand to over/],
];

/** An ONNX graph (field 7 of the model, behind its version) of one piece again and again. */
function onnx(piece: readonly number[], bytes: number): Uint8Array {
  const graph = Buffer.alloc(bytes - (bytes % piece.length), Uint8Array.from(piece));
  const length = [0, 7, 14, 21].map((shift) => ((graph.length >> shift) & 127) | (shift < 21 ? 128 : 0));
  return Uint8Array.from(Buffer.concat([Uint8Array.of(8, 7, 0x3a, ...length), graph]));
}

const ONNX: readonly Bomb[] = [
  ['a graph of empty nodes', () => onnx([0x0a, 0], LARGE), /more than 262144 messages/],
  ['a graph of empty tensors', () => onnx([0x2a, 0], LARGE), /more than 262144 messages/],
  ['a graph of nodes with an empty attribute', () => onnx([0x0a, 2, 0x2a, 0], LARGE), /more than 262144 messages/],
  ['a graph of unknown fields', () => onnx([0x78, 0], LARGE), /the graph has no logits/],
  ['a graph of groups in groups', () => onnx([0x7b], LARGE), /it is truncated or damaged/],
];

/** Reads in this process, as a page would. */
async function refused(read: (file: Uint8Array) => unknown, [, make, message]: Bomb): Promise<void> {
  const file = make();
  const before = process.resourceUsage();
  const error = await (async () => read(file))().catch((caught: unknown) => caught);
  const after = process.resourceUsage();
  expect(isDenseNetError(error) ? error.message : error).toMatch(message);
  const cpu = after.userCPUTime - before.userCPUTime + after.systemCPUTime - before.systemCPUTime;
  expect(cpu, 'microseconds').toBeLessThan(MOST_MICROSECONDS);
  expect(1024 * (after.maxRSS - before.maxRSS), 'bytes that the process grew by').toBeLessThan(MOST_GROWTH);
}

describe('a file made to exhaust is refused within a second and in bounded memory', () => {
  it.each(SAFETENSORS)('%s', (...bomb) => refused(readSafetensors, bomb));
  it.each([...PYTORCH, ...ONNX])('%s', (...bomb) => refused((file) => importCheckpoint(file, 'model'), bomb));

  it('a header that comes in sixty thousand pieces', () =>
    refused(
      (file) => loadInPieces(file, 16, false),
      ['a header in pieces', () => safetensors(filled('{"', 'a', '":0}', 2 ** 20)), /tensor "a/],
    ));
});
