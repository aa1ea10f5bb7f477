/** Hostile pickles: opcodes inserted, dropped, repeated and exchanged, and lies in what follows them. */
import { concatenate, corruptNumber } from './bytes.js';
import type { Random } from './random.js';

/** What follows an opcode: so many bytes, a length of so many bytes with its payload, or so many lines. */
interface Argument {
  readonly kind: 'fixed' | 'counted' | 'lines';
  readonly size: number;
}

const ARGUMENTS: ReadonlyMap<number, Argument> = new Map([
  ...row('fixed', 1, [0x68, 0x71, 0x4b, 0x80]),
  ...row('fixed', 2, [0x4d]),
  ...row('fixed', 4, [0x6a, 0x72, 0x4a]),
  ...row('fixed', 8, [0x47, 0x95]),
  ...row('counted', 1, [0x55, 0x8c, 0x43, 0x8a]),
  ...row('counted', 4, [0x54, 0x58, 0x42, 0x8b]),
  ...row('counted', 8, [0x8d, 0x8e, 0x96]),
  ...row('lines', 1, [0x67, 0x70, 0x46, 0x49, 0x4c, 0x53, 0x56]),
  ...row('lines', 2, [0x63, 0x69]),
]);

function row(kind: Argument['kind'], size: number, codes: readonly number[]): [number, Argument][] {
  return codes.map((code) => [code, { kind, size }]);
}

/** One instruction with its argument, as bytes. */
type Instruction = Uint8Array;

const STOP = 0x2e;

/** Instructions that attacks and damaged files are made of. */
const PIECES: readonly string[] = [
  ...['}q\x00', 'h\x00', '}', ']', '(', ')', 't', 'l', 'R', 'b', 's', 'u', 'a', 'e', '0', '1', '2', 'd', 'o', 'Q', '.'],
  ...['\x81', '\x85', '\x86', '\x87', '\x8f', '\x90', '\x91', '\x92', '\x93', '\x94', '\x88', 'N'],
  ...['cos\nsystem\n', 'cposix\nsystem\n(tR', 'ios\nsystem\n', 'c__builtin__\neval\n', 'cbuiltins\ngetattr\n'],
  ...['ctorch\nload\n)R', 'ctorch.hub\nload\n', 'cnumpy\nload\n', 'cmymodel\nNet\n)\x81', 'c\n\n', 'c__proto__\nx\n)R'],
  ...[
    'ccollections\nOrderedDict\n)R',
    'ctorch._utils\n_rebuild_tensor_v2\n',
    'ctorch\nFloatStorage\n',
    'ctorch\nSize\n',
  ],
  ...[
    'X\xff\xff\xff\xff',
    '\x8b\xff\xff\xff\x7f',
    '\x8e\xff\xff\xff\xff\xff\xff\xff\xff',
    '\x8a\xff',
    'J\xff\xff\xff\xff',
  ],
  ...[
    'I99999999999999999999999999\n',
    'L1e999L\n',
    'FNaN\n',
    'Fx\n',
    'p9999999999\n',
    'g-1\n',
    'pNaN\n',
    'j\xff\xff\xff\xff',
  ],
  ...['X\x09\x00\x00\x00__proto__', 'X\x07\x00\x00\x00storage', 'G\x7f\xf0\x00\x00\x00\x00\x00\x00', 'K\x00', 'K\xff'],
];

/**
 * The pickles at the start of `bytes`.
 *
 * @param count how many of them follow each other
 * @returns their instructions, and how many bytes they take
 */
export function disassemble(bytes: Uint8Array, count: number): { instructions: Instruction[]; length: number } {
  const instructions: Instruction[] = [];
  let at = 0;
  for (let stops = 0; stops < count && at < bytes.length; ) {
    const length = instructionLength(bytes, at);
    instructions.push(bytes.subarray(at, at + length));
    if (bytes[at] === STOP) stops++;
    at += length;
  }
  return { instructions, length: at };
}

function instructionLength(bytes: Uint8Array, at: number): number {
  const argument = ARGUMENTS.get(bytes[at] ?? 0);
  if (!argument) return 1;
  if (argument.kind === 'fixed') return 1 + argument.size;
  if (argument.kind === 'counted') {
    let payload = 0;
    for (let i = Math.min(argument.size, 6); i > 0; i--) payload = payload * 256 + (bytes[at + i] ?? 0);
    return 1 + argument.size + payload;
  }
  let end = at;
  for (let lines = 0; lines < argument.size; lines++) end = bytes.indexOf(0x0a, end + 1);
  return end - at + 1;
}

/** One to three changes. */
export function mutatePickle(instructions: readonly Instruction[], random: Random): Uint8Array {
  const list = [...instructions];
  for (let changes = 1 + random.below(3); changes > 0; changes--) mutateOnce(list, random);
  return concatenate(...list);
}

function mutateOnce(list: Instruction[], random: Random): void {
  const at = random.below(list.length);
  const chosen = list[at] ?? new Uint8Array(0);
  switch (random.below(7)) {
    case 0:
      list.splice(at, 1 + random.below(random.once(4) ? 20 : 1));
      break;
    case 1:
      list.splice(at, 0, ...Array.from({ length: random.once(50) ? 5000 : 1 + random.below(3) }, () => chosen));
      break;
    case 2: {
      const other = random.below(list.length);
      [list[at], list[other]] = [list[other] ?? chosen, chosen];
      break;
    }
    case 3:
    case 4:
      list.splice(
        at,
        random.below(2),
        Uint8Array.from(random.pick(PIECES), (letter) => letter.charCodeAt(0)),
      );
      break;
    default:
      list[at] = mutateArgument(chosen, random);
  }
}

function mutateArgument(instruction: Instruction, random: Random): Instruction {
  const out = instruction.slice();
  const argument = ARGUMENTS.get(out[0] ?? 0);
  const isNumber = argument && argument.kind !== 'lines' && (argument.kind === 'fixed' || random.once(3));
  if (isNumber) corruptNumber(out, 1, argument.size, random);
  else out[random.below(out.length)] = random.once(2) ? random.below(128) : random.below(256);
  return out;
}
