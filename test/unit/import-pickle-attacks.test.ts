/** Checkpoints from strangers: nothing in a pickle runs, and whatever is wrong is one typed error, quickly. */
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { isDenseNetError, ModelFormatError } from '../../src/core/errors.js';
import { readPyTorch } from '../../src/import/pytorch/index.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';

/** A torch zip whose data.pkl is this: text with escapes for opcodes, as `pickletools` prints them. */
function checkpoint(pickle: string, storages: Record<string, Uint8Array> = {}): Uint8Array {
  const files: Record<string, Uint8Array> = { 'x/data.pkl': Uint8Array.from(pickle, (c) => c.charCodeAt(0)) };
  for (const [key, bytes] of Object.entries(storages)) files[`x/data/${key}`] = bytes;
  return zipSync(files, { level: 0 });
}

function text(value: string): string {
  return `X${String.fromCharCode(value.length, 0, 0, 0)}${value}`;
}

/** Opcodes of one tensor over storage "0"; numbers below 256. */
function tensor(count: number, offset: number, shape: string, strides: string): string {
  const storage = `(${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}K${String.fromCharCode(count)}tQ`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${storage}K${String.fromCharCode(offset)}${shape}${strides}\x89NtR`;
}

/** Overwrites a 32-bit field of the zip records from the `from`th on: local headers, the central directory or both. */
function setZipField(zip: Uint8Array, offsets: { local?: number; central?: number }, value: number, from = 0): void {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const seen = { local: 0, central: 0 };
  for (let i = 0; i + 46 <= zip.length; i++) {
    const signature = view.getUint32(i, true);
    const kind = signature === 0x04034b50 ? 'local' : signature === 0x02014b50 ? 'central' : null;
    const offset = kind && offsets[kind];
    if (kind && seen[kind]++ >= from && typeof offset === 'number') view.setUint32(i + offset, value, true);
  }
}

const named = (value: string) => `\x80\x02}${text('w')}${value}s.`;

function failure(bytes: Uint8Array): ModelFormatError {
  const began = process.cpuUsage();
  try {
    readPyTorch(bytes);
  } catch (error) {
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1000, 'milliseconds of a processor').toBeLessThan(1000);
    if (error instanceof ModelFormatError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a pickle that names code', () => {
  const attacks: [path: string, pickle: string][] = [
    ['os.system', `cos\nsystem\n(${text('true')}tR.`],
    ['posix.system', `cposix\nsystem\n(${text('true')}tR.`],
    ['builtins.eval', `\x80\x04${text('builtins')}${text('eval')}\x93(${text('1')}tR.`],
    ['__builtin__.exec', `c__builtin__\nexec\n(${text('1')}tR.`],
    ['subprocess.Popen', `(${text('true')}isubprocess\nPopen\n.`],
    ['importlib.import_module', 'cimportlib\nimport_module\n.'],
    ['runpy._run_code', 'crunpy\n_run_code\n.'],
    ['builtins.getattr', `\x80\x04${text('builtins')}${text('getattr')}\x93.`],
    ['torch.load', `ctorch\nload\n(${text('other')}tR.`],
    ['torch.storage._load_from_bytes', 'ctorch.storage\n_load_from_bytes\n.'],
    ['mymodel.build', `cmymodel\nbuild\n(tR.`],
  ];
  for (const [path, pickle] of attacks) {
    it(`${path} is refused by name`, () => {
      expect(failure(checkpoint(pickle)).message).toContain(`it names ${path}, which no weights need`);
    });
  }

  it('an unknown class that is only instantiated is a record; the tensors in it are found', () => {
    const values = Float32Array.of(1, 2, 3);
    const state = `}${text('_parameters')}}${text('w')}${tensor(3, 0, 'K\x03\x85', 'K\x01\x85')}ss`;
    const bytes = checkpoint(`\x80\x02cmymodel\nNet\n)\x81${state}b.`, { 0: new Uint8Array(values.buffer) });
    expect([...readPyTorch(bytes).tensors]).toMatchObject([['w', { dtype: 'F32', shape: [3] }]]);
  });
});

describe('a tensor that lies about its storage', () => {
  const eight = { 0: new Uint8Array(32) };
  const cases: [what: string, pickle: string, message: RegExp][] = [
    ['reaches behind it', tensor(8, 1, 'K\x08\x85', 'K\x01\x85'), /tensor "w" needs element 8 of a storage that has 8/],
    ['strides out of it', tensor(8, 0, 'K\x02\x85', 'K\xff\x85'), /tensor "w" needs element 255/],
    ['repeats it without end', tensor(8, 0, 'K\xffK\xff\x86', 'K\x00K\x00\x86'), /has 65025 elements, its storage 8/],
    ['has a negative size', tensor(8, 0, 'J\xff\xff\xff\xff\x85', 'K\x01\x85'), /bad offset, shape or stride/],
    ['has a stride too few', tensor(8, 0, 'K\x02K\x02\x86', 'K\x01\x85'), /bad offset, shape or stride/],
    ['claims a longer storage', tensor(9, 0, 'K\x08\x85', 'K\x01\x85'), /storage 0 has 32 of 36 bytes/],
  ];
  for (const [what, pickle, message] of cases) {
    it(what, () => expect(failure(checkpoint(named(pickle), eight)).message).toMatch(message));
  }
});

describe('a pickle made to exhaust', () => {
  it('that contains itself', () => {
    const loop = `\x80\x02}q\x00${text('a')}h\x00s${text('b')}h\x00s.`;
    expect(failure(checkpoint(loop)).message).toMatch(/nested without end/);
  });

  it('whose lists double forty times', () => {
    let doubling = '\x80\x02}q\x00';
    for (let i = 1; i <= 40; i++) doubling += `}q${String.fromCharCode(i)}`;
    for (let i = 1; i < 40; i++) {
      const [self, next] = [String.fromCharCode(i), String.fromCharCode(i + 1)];
      doubling += `h${self}${text('a')}h${next}s${text('b')}h${next}s0`;
    }
    expect(failure(checkpoint(`${doubling}h\x01.`)).message).toMatch(/nested without end|no named tensors/);
  });

  it('that promises a text of four gigabytes', () => {
    expect(failure(checkpoint('X\xff\xff\xff\xff')).message).toMatch(/ends early: 4294967295 more bytes/);
  });

  it('with an integer of a megabyte, an unknown opcode, an empty stack, a missing memo, no end', () => {
    expect(failure(checkpoint('\x8b\x00\x00\x10\x00')).message).toMatch(/an integer of 1048576 bytes/);
    expect(failure(checkpoint('\xff.')).message).toMatch(/opcode 0xff/);
    expect(failure(checkpoint('.')).message).toMatch(/stack is empty/);
    expect(failure(checkpoint('h\x07.')).message).toMatch(/memo 7 is empty/);
    expect(failure(checkpoint('')).message).toMatch(/ends early/);
  });

  it('whose every key leads to the same dict, and on, and on', () => {
    const keys = 'state_dict model_state_dict model_state model net network params weights module ema model_ema'.split(
      ' ',
    );
    let maze = '\x80\x02}q\x00';
    for (let i = 0; i < 1000; i++) maze += `${text(`a${i}`)}Ns`;
    for (let level = 1; level <= 6; level++) {
      maze += `}q${String.fromCharCode(level)}`;
      for (const key of keys) maze += `${text(key)}h${String.fromCharCode(level - 1)}s`;
    }
    expect(failure(checkpoint(`${maze}.`)).message).toMatch(/more work than any network does/);
  });

  it('whose one list makes a dict again and again', () => {
    const list = `](${'K\x01K\x02\x86'.repeat(10_000)}eq\x000`;
    const again = `ccollections\nOrderedDict\nq\x010${'h\x01h\x00\x85R0'.repeat(50_000)}`;
    expect(failure(checkpoint(`\x80\x02${list}${again}N.`)).message).toMatch(/far more memory|more work/);
  });

  it('whose dict of numbers lies under six thousand names', () => {
    const numbers = Array.from({ length: 20_000 }, (_, i) => `M${String.fromCharCode(i & 255, i >> 8)}K\x01`).join('');
    const names = Array.from({ length: 6000 }, (_, i) => `${text(`k${i}`)}h\x00`).join('');
    expect(failure(checkpoint(`\x80\x02}(${numbers}uq\x000}(${names}u.`)).message).toMatch(/more work/);
  });

  it('with a million lists in one another, or tens of thousands of dicts', () => {
    const lists = `\x80\x02${']'.repeat(1e6)}${'a'.repeat(1e6 - 1)}.`;
    expect(failure(checkpoint(lists)).message).toMatch(/more than 500000 instructions/);
    const dicts = `\x80\x02${`}${text('a')}`.repeat(8e4)}N${'s'.repeat(8e4)}.`;
    expect(failure(checkpoint(dicts)).message).toMatch(/nested without end/);
  });

  it('whose tensors have sides beyond all numbers', () => {
    const side = '\x8a\x07\xff\xff\xff\xff\xff\xff\x1f'; // 2^53 − 1
    const zero = 'K\x00';
    const huge = tensor(8, 0, `(${side.repeat(8)}t`, `(${zero.repeat(8)}t`);
    expect(failure(checkpoint(named(huge), { 0: new Uint8Array(32) })).message).toMatch(/elements, its storage 8/);
    const beyond = tensor(8, 0, '\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01\x85', 'K\x01\x85'); // 2^64
    expect(failure(checkpoint(named(beyond), { 0: new Uint8Array(32) })).message).toMatch(
      /bad offset, shape or stride/,
    );
  });

  it('in a zip that would expand a thousandfold', () => {
    const bomb = zipSync({ 'x/data.pkl': new Uint8Array(50_000_000) }, { level: 9 });
    expect(failure(bomb).message).toMatch(/would expand/);
  });

  it('in a zip whose records lie about its size', () => {
    const bomb = zipSync({ 'x/data.pkl': new Uint8Array(50_000_000) }, { level: 9 });
    for (const claimed of [1000, 2 ** 32 - 1]) {
      setZipField(bomb, { local: 22, central: 24 }, claimed);
      const before = process.memoryUsage().arrayBuffers;
      expect(failure(bomb).message).toMatch(/^bad PyTorch file: /);
      expect(process.memoryUsage().arrayBuffers - before, 'bytes').toBeLessThan(10_000_000);
    }
  });

  it('in a zip of entries that share their bytes, or their name', () => {
    const pickle = Uint8Array.from('\x80\x02}.', (c) => c.charCodeAt(0));
    const members = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [`x/data/${1000 + i}`, new Uint8Array(1e5)]),
    );
    const archive = zipSync({ 'x/data.pkl': pickle, ...members }, { level: 9 });
    setZipField(archive, { central: 42 }, 0, 1); // every storage is said to lie where the pickle lies
    expect(failure(archive).message).toMatch(/^(bad PyTorch file: |the PyTorch file )/);
    const twins = zipSync({ 'x/data.pkl': pickle, 'x/data.pkm': pickle }, { level: 0 });
    for (let i = 0; i < twins.length; i++) if (twins[i] === 0x6d && twins[i - 1] === 0x6b) twins[i] = 0x6c;
    expect(failure(twins).message).toMatch(/holds x\/data\.pkl twice/);
  });

  it('in a zip of as many entries as there can be', () => {
    const entries = Object.fromEntries(Array.from({ length: 65_535 }, (_, i) => [`f${i}`, new Uint8Array(0)]));
    expect(failure(zipSync(entries, { level: 0 })).message).toMatch(/holds no data\.pkl; it holds f0, f1/);
  });

  it('and what is no checkpoint at all says what it is', () => {
    expect(failure(zipSync({ 'readme.txt': new Uint8Array(3) })).message).toMatch(/no data.pkl; it holds readme.txt/);
    expect(failure(checkpoint('\x80\x02}.')).message).toMatch(/holds no named tensors/);
    expect(failure(Uint8Array.of(0x80, 2, 0x4e, 0x2e)).message).toMatch(/not one that torch.save made/);
  });
});

describe('a legacy stream', () => {
  /** torch.save's stream before 1.6: magic, protocol, system, the object, its storages' keys, the storages. */
  const legacy = (object: string, keys: string, storages: number[] = []): Uint8Array => {
    const head = `\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.`;
    const pickles = `${head}\x80\x02${object}.\x80\x02${keys}.`;
    return Uint8Array.from([...Array.from(pickles, (c) => c.charCodeAt(0)), ...storages]);
  };
  const one = `}${text('w')}${tensor(2, 0, 'K\x02\x85', 'K\x01\x85')}s`;
  const floats = [2, 0, 0, 0, 0, 0, 0, 0, ...Array<number>(8).fill(0)];

  it('is read', () => {
    expect([...readPyTorch(legacy(one, `]${text('0')}a`, floats)).tensors]).toMatchObject([
      ['w', { dtype: 'F32', shape: [2] }],
    ]);
  });

  it('with a class in it, source text and all, is read; the class is a name', () => {
    const classes = `(${text('module')}cmynet\nNet\n${text('net.py')}${text('import os')}tQ`;
    const module = `${classes})\x81}${text('_parameters')}${one}sb`;
    expect([...readPyTorch(legacy(module, `]${text('0')}a`, floats)).tensors.keys()]).toEqual(['w']);
  });

  const cases: [what: string, bytes: Uint8Array, message: RegExp][] = [
    [
      'a class that is code',
      legacy(`(${text('module')}cos\nsystem\n${text('')}${text('')}tQ`, ']'),
      /it names os\.system/,
    ],
    ['a storage of 2^60 elements', legacy(one, `]${text('0')}a`, [0, 0, 0, 0, 0, 0, 0, 16]), /ends early/],
    [
      'a storage too short',
      legacy(one, `]${text('0')}a`, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      /needs element 1 of a storage that has 1/,
    ],
    ['a storage that is not there', legacy(one, ']'), /storage 0 is not in the file/],
    ['a storage of nobody', legacy(one, `]${text('7')}a`, floats), /storage 7 belongs to no tensor/],
    ['keys that are no list', legacy(one, 'N'), /storage 0 is not in the file/],
    [
      'another persistent id',
      legacy(`(${text('file')}${text('/etc/passwd')}tQ`, ']'),
      /persistent id is not a storage/,
    ],
  ];
  for (const [what, bytes, message] of cases) it(what, () => expect(failure(bytes).message).toMatch(message));
});

describe('a damaged checkpoint', () => {
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

  for (const name of ['torchvision-mixed', 'torchvision-download']) {
    it(`${name}: cut or changed anywhere, reads or fails with one typed error`, () => {
      const whole = readBytes(`${FIXTURES}${name}.pth`);
      const next = random(7);
      let refused = 0;
      for (let round = 0; round < 300; round++) {
        const bytes = round % 3 === 0 ? whole.slice(0, Math.floor(next() * whole.length)) : whole.slice();
        for (let change = 0; change < 4 && bytes.length > 0; change++)
          bytes[Math.floor(next() ** 3 * bytes.length)] = Math.floor(next() * 256);
        try {
          readPyTorch(bytes);
        } catch (error) {
          if (!isDenseNetError(error)) throw error;
          refused++;
        }
      }
      expect(refused).toBeGreaterThan(100);
    });
  }
});
