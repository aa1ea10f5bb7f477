/** Hostile TorchScript: the Python text in an archive with lines and words moved, repeated, lost and exchanged. */
import { mutateBytes } from './bytes.js';
import type { Random } from './random.js';
import { openArchive, writeArchive } from './zip.js';

/** What a grammar trips over. */
const WORDS: readonly string[] = [
  ...['self', 'return', 'if True:', 'else:', 'for i in x:', 'while True:', 'class A(Module):', 'pass', 'None', 'True'],
  ...[
    '-1',
    '1e999',
    '99999999999999999999',
    '"',
    "'''",
    '(',
    ')',
    '[',
    ']',
    '{',
    ':',
    ',',
    '=',
    '.',
    ', ,',
    '  ',
    '\t',
  ],
  ...[
    '__torch__',
    '__proto__',
    'constructor',
    'torch.cat',
    'torch.relu',
    'ops.prim.NumToTensor',
    'annotate(List[int], [])',
  ],
];
const WORD = /[\w.]+|[^\s\w]/g;

/** @returns a maker of variations of this archive's code */
export function scriptMaker(file: Uint8Array): (random: Random) => Uint8Array {
  const members = openArchive(file);
  const texts = Object.entries(members).filter(([name]) => name.endsWith('.py'));
  return (random) => {
    const [name, bytes] = random.pick(texts);
    let lines = new TextDecoder().decode(bytes).split('\n');
    for (let changes = 1 + random.below(4); changes > 0; changes--) lines = mutateLines(lines, random);
    const code = new TextEncoder().encode(lines.join('\n'));
    return writeArchive({ ...members, [name]: random.once(16) ? mutateBytes(code, random) : code }, random);
  };
}

function mutateLines(lines: readonly string[], random: Random): string[] {
  const at = random.below(lines.length);
  const from = random.below(lines.length);
  const few = 1 + random.below(4);
  switch (random.below(6)) {
    case 0:
      return lines.toSpliced(at, few);
    case 1:
      return lines.toSpliced(at, 0, ...lines.slice(from, from + few));
    case 2: {
      const line = lines[at] ?? '';
      return lines.toSpliced(at, 1, `${' '.repeat(random.below(8))}${line.trimStart()}`);
    }
    case 3: {
      // One statement many times over.
      return lines.toSpliced(at, 0, ...Array.from({ length: 1 << random.below(10) }, () => lines[at] ?? ''));
    }
    default: {
      const line = lines[at] ?? '';
      const words = line.match(WORD) ?? [];
      const others = (lines[from] ?? '').match(WORD) ?? [];
      const word = random.below(words.length + 1);
      const other = random.once(2) || others.length === 0 ? random.pick(WORDS) : random.pick(others);
      let index = -1;
      return lines.toSpliced(
        at,
        1,
        line.replace(WORD, (found) => (++index === word ? other : found)),
      );
    }
  }
}
