/** The safetensors reader: one case for each way to be malformed, properties for everything else. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isDenseNetError, ModelFormatError } from '../../src/core/errors.js';
import { float32ToFloat16 } from '../../src/tensor/float16.js';
import { MAX_HEADER_BYTES, readHeader, readSafetensors, writeSafetensors } from '../../src/tensor/safetensors.js';
import { DTYPE_BYTES, type Dtype, elementCount, isDtype, type Tensor, toFloat32 } from '../../src/tensor/tensor.js';

/** A file with this header text, and a body of this many zeros. */
function file(header: string, bodyLength = 0, declared = new TextEncoder().encode(header).length): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + bodyLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(declared), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (begin: number, end: number, shape: readonly number[] = [(end - begin) / 4], dtype = 'F32') =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

function failure(bytes: Uint8Array): ModelFormatError {
  try {
    readSafetensors(bytes);
  } catch (error) {
    if (error instanceof ModelFormatError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a bad file is refused with the reason', () => {
  const cases: [what: string, bytes: Uint8Array, message: RegExp, tensor?: string][] = [
    ['empty', new Uint8Array(0), /0 bytes, too few/],
    ['shorter than a header length', new Uint8Array(7), /7 bytes, too few/],
    ['header length beyond the file', file('{}', 0, 3), /header of 3 bytes is longer than the 2/],
    ['header length beyond 2^53', file('{}', 8, Number.MAX_SAFE_INTEGER), /longer than/],
    ['header that is no JSON', file('{"a":'), /not valid JSON/],
    ['header that is no UTF-8', Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22, 0xff, 0x22, 0x7d), /not valid JSON/],
    ['header that is a list', file('[1]'), /not a JSON object/],
    ['header that is null', file('null'), /not a JSON object/],
    ['duplicate tensor', file(`{"a":${entry(0, 4)},"a":${entry(0, 4)}}`, 4), /key "a" twice/, 'a'],
    ['duplicate tensor, one escaped', file(`{"a":${entry(0, 4)},"\\u0061":${entry(0, 4)}}`, 4), /key "a" twice/, 'a'],
    ['duplicate field', file('{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}', 4), /"shape" twice/],
    ['duplicate metadata key', file('{"__metadata__":{"x":"1","x":"2"}}'), /"x" twice/],
    ['metadata that is no object', file('{"__metadata__":[]}'), /__metadata__ is not an object/],
    ['metadata that is not text', file('{"__metadata__":{"x":1}}'), /"x" is not a string/],
    ['entry that is no object', file('{"a":3}'), /tensor "a": its header entry is not an object/, 'a'],
    ['unknown dtype', file(`{"a":${entry(0, 4, [4], 'F4')}}`, 4), /unknown dtype "F4"/, 'a'],
    ['inherited dtype', file(`{"a":${entry(0, 4, [4], 'toString')}}`, 4), /unknown dtype/, 'a'],
    [
      'dtype of objects six thousand deep',
      file(`{"a":{"dtype":${'{"a":'.repeat(6000)}1${'}'.repeat(6000)},"shape":[1],"data_offsets":[0,4]}}`, 4),
      /unknown dtype \(object\)/,
      'a',
    ],
    ['missing dtype', file('{"a":{"shape":[1],"data_offsets":[0,4]}}', 4), /unknown dtype/, 'a'],
    ['negative dimension', file(`{"a":${entry(0, 4, [-1])}}`, 4), /its shape is not/, 'a'],
    ['fractional dimension', file(`{"a":${entry(0, 4, [1.5])}}`, 4), /its shape is not/, 'a'],
    ['dimension beyond 2^53', file(`{"a":${entry(0, 4, [2 ** 53])}}`, 4), /its shape is not/, 'a'],
    ['product beyond 2^53', file(`{"a":${entry(0, 4, [2 ** 30, 2 ** 30])}}`, 4), /larger than any file/, 'a'],
    ['product that overflows before a zero', file(`{"a":${entry(0, 0, [2 ** 52, 2 ** 52, 0])}}`), /larger than/, 'a'],
    ['nine dimensions', file(`{"a":${entry(0, 4, [1, 1, 1, 1, 1, 1, 1, 1, 1])}}`, 4), /9 dimensions/, 'a'],
    ['one offset', file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}', 4), /not an ordered pair/, 'a'],
    ['three offsets', file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}', 4), /not an ordered pair/, 'a'],
    ['reversed offsets', file(`{"a":${entry(4, 0, [1])}}`, 4), /not an ordered pair/, 'a'],
    ['negative offset', file(`{"a":${entry(-4, 0, [1])}}`, 4), /data_offsets are not two/, 'a'],
    ['offsets that do not span the shape', file(`{"a":${entry(0, 8, [1])}}`, 8), /is 4 bytes, but .* span 8/, 'a'],
    ['hole at the start', file(`{"a":${entry(4, 8)}}`, 8), /4 bytes before it belong to no tensor/, 'a'],
    ['hole between', file(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, 12), /4 bytes before it/, 'b'],
    ['overlap', file(`{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, 12), /overlaps the tensor before it by 4/, 'b'],
    ['body too short', file(`{"a":${entry(0, 8)}}`, 7), /truncated: its tensors take 8 bytes, its body has 7/],
    ['body too long', file(`{"a":${entry(0, 8)}}`, 9), /bytes that belong to no tensor/],
  ];
  for (const [what, bytes, message, tensor] of cases) {
    it(what, () => {
      const error = failure(bytes);
      expect(error.message).toMatch(message);
      expect(error.context.format).toBe('safetensors');
      expect(error.context.tensor).toBe(/twice/.test(error.message) ? error.context.tensor : tensor);
    });
  }

  it('bounds the header before it has arrived, even of a file of unknown length', () => {
    const start = new Uint8Array(8);
    new DataView(start.buffer).setBigUint64(0, BigInt(MAX_HEADER_BYTES + 1), true);
    expect(() => readHeader(start, null)).toThrow(/longer than/);
  });

  it('refuses a header of a million open brackets within a second', () => {
    const began = process.cpuUsage();
    failure(file('['.repeat(1_000_000)));
    const { user, system } = process.cpuUsage(began);
    expect(user + system, 'microseconds of CPU time').toBeLessThan(1_000_000);
  });
});

const anyTensor: fc.Arbitrary<Tensor> = fc
  .record({
    name: fc.string({ unit: 'binary', maxLength: 12 }).filter((name) => name !== '__metadata__'),
    dtype: fc.constantFrom(...Object.keys(DTYPE_BYTES).filter((key): key is Dtype => isDtype(key))),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
    seed: fc.nat(255),
  })
  .map(({ name, dtype, shape, seed }) => {
    const bytes = new Uint8Array(elementCount(shape) * DTYPE_BYTES[dtype]).map((_, i) => (i * 31 + seed) & 255);
    return { name, dtype, shape, bytes };
  });
const anyTensors = fc.uniqueArray(anyTensor, { selector: ({ name }) => name, maxLength: 8 });
const anyMetadata = fc.uniqueArray(fc.tuple(fc.string(), fc.string({ unit: 'grapheme' })), {
  selector: ([key]) => key,
});

describe('a written file reads back', () => {
  it('with every tensor and metadata entry, names like __proto__ included', () => {
    const proto = { name: '__proto__', dtype: 'F32', shape: [1], bytes: new Uint8Array([0, 0, 128, 63]) } as const;
    fc.assert(
      fc.property(anyTensors, anyMetadata, (tensors, metadata) => {
        const all = tensors.some(({ name }) => name === '__proto__') ? tensors : [...tensors, proto];
        const read = readSafetensors(writeSafetensors(all, metadata));
        expect([...read.metadata]).toEqual(expect.arrayContaining(metadata));
        expect(read.tensors.size).toBe(all.length);
        for (const tensor of all) expect(read.tensors.get(tensor.name)).toEqual(tensor);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('with a body aligned to 8 bytes and each tensor to its element', () => {
    fc.assert(
      fc.property(anyTensors, (tensors) => {
        const bytes = writeSafetensors(tensors);
        expect((readHeader(bytes, bytes.length)?.bodyOffset ?? 1) % 8).toBe(0);
        for (const { bytes: body, dtype } of readSafetensors(bytes).tensors.values())
          expect(body.byteOffset % DTYPE_BYTES[dtype]).toBe(0);
      }),
      { numRuns: 100, seed: 2 },
    );
  });

  it('and its header as soon as it has arrived, not before', () => {
    const bytes = writeSafetensors([{ name: 'a', dtype: 'F32', shape: [2], bytes: new Uint8Array(8) }]);
    const { bodyOffset } = readHeader(bytes, bytes.length) ?? { bodyOffset: 0 };
    for (let length = 0; length < bodyOffset; length++)
      expect(readHeader(bytes.subarray(0, length), bytes.length)).toBeNull();
    const header = readHeader(bytes.subarray(0, bodyOffset), null);
    expect(header).toMatchObject({ bodyOffset, bodyLength: 8 });
    expect([...(header?.entries.keys() ?? [])]).toEqual(['a']);
  });
});

describe('a damaged file throws a typed error, or reads as no larger than it is', () => {
  it('truncated anywhere', () => {
    const bytes = writeSafetensors([{ name: 'a', dtype: 'F32', shape: [3], bytes: new Uint8Array(12) }], [['k', 'v']]);
    for (let length = 0; length < bytes.length; length++) expect(failure(bytes.subarray(0, length))).toBeDefined();
  });

  it('with bytes changed at random', () => {
    const mutation = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    let refused = 0;
    fc.assert(
      fc.property(anyTensors, mutation, (tensors, changes) => {
        const bytes = writeSafetensors(tensors);
        for (const [position, value] of changes) bytes[position % bytes.length] = value;
        try {
          const total = [...readSafetensors(bytes).tensors.values()].reduce(
            (sum, { bytes: { length } }) => sum + length,
            0,
          );
          expect(total).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          if (!isDenseNetError(error)) throw error;
          refused++;
        }
      }),
      { numRuns: 3000, seed: 3 },
    );
    expect(refused).toBeGreaterThan(500);
  });
});

describe('element types', () => {
  const tensor = (dtype: Dtype, bytes: Uint8Array): Tensor => ({
    name: 't',
    dtype,
    shape: [bytes.length / DTYPE_BYTES[dtype]],
    bytes,
  });

  it('F16: all 65,536 values match the definition', () => {
    const words = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = toFloat32(tensor('F16', new Uint8Array(words.buffer)));
    for (const [i, value] of values.entries()) {
      const exponent = (i >> 10) & 31;
      const mantissa = i & 1023;
      const magnitude =
        exponent === 31
          ? mantissa
            ? Number.NaN
            : Number.POSITIVE_INFINITY
          : exponent === 0
            ? mantissa * 2 ** -24
            : (1 + mantissa / 1024) * 2 ** (exponent - 15);
      expect(
        Object.is(value, i & 0x8000 ? -magnitude : magnitude) || (Number.isNaN(value) && Number.isNaN(magnitude)),
      ).toBe(true);
    }
    const back = float32ToFloat16('t', values);
    expect(back.every((half, i) => half === i || (i & 0x7fff) > 0x7c00)).toBe(true);
  });

  it('F16 is written rounded to nearest, ties to even', () => {
    const fc16 = fc.float({ noNaN: true, min: -65504, max: 65504 });
    fc.assert(
      fc.property(fc16, (value) => {
        const [half = 0] = float32ToFloat16('t', Float32Array.of(value));
        const near = (bits: number) =>
          toFloat32(tensor('F16', new Uint8Array(Uint16Array.of(bits).buffer)))[0] ?? Number.NaN;
        const error = Math.abs(near(half) - value);
        const magnitude = half & 0x7fff;
        for (const other of [magnitude - 1, magnitude + 1]) {
          if (other < 0 || other > 0x7bff) continue;
          const rival = Math.abs(near(other | (half & 0x8000)) - value);
          expect(error < rival || (error === rival && (half & 1) === 0)).toBe(true);
        }
      }),
      { numRuns: 2000, seed: 4 },
    );
    expect(() => float32ToFloat16('big', Float32Array.of(65520))).toThrow(/"big" holds 65520, beyond the range of f16/);
  });

  it('BF16, F64, and bytes at any alignment', () => {
    const raw = new Uint8Array(64).map((_, i) => (i * 37) & 0x7f);
    for (const dtype of ['F64', 'F32', 'F16', 'BF16'] as const) {
      const aligned = toFloat32(tensor(dtype, raw.slice(0, 32)));
      for (let shift = 1; shift < 8; shift++) {
        const moved = new Uint8Array(64);
        moved.set(raw.subarray(0, 32), shift);
        expect(toFloat32(tensor(dtype, moved.subarray(shift, shift + 32)))).toEqual(aligned);
      }
    }
    expect(toFloat32(tensor('BF16', Uint8Array.of(0x80, 0x3f, 0x49, 0xc0)))).toEqual(Float32Array.of(1, -3.140625));
    expect(() => toFloat32(tensor('I64', new Uint8Array(8)))).toThrow(/"t" holds I64/);
  });
});
