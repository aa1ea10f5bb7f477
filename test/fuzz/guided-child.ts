/**
 * The guided search for one reader, in a process of its own. An input is made from a tape, the list of choices that the
 * reader's mutators took. Tapes whose input runs code that no input ran before are kept, and changed again.
 *
 *   node guided-child.js READER SEED SECONDS CORPUS
 *
 * Says how far it is on stdout, one JSON document a line; the tape that is read at the moment is in the file descriptor 3.
 */
import { existsSync, ftruncateSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { Coverage } from './coverage.js';
import { judge, openReader } from './judge.js';
import { hash, Random, Tape } from './random.js';
import type { Input } from './readers.js';

const POSITION_FD = 3;
const REPORT_MS = 1000;
/** Inputs for which coverage, which takes 50 ms, is asked for once. */
const BATCH = 64;

interface Trial {
  readonly tape: readonly number[];
  readonly input: Input;
}

const [name = '', seed = '1', seconds = '1', corpusFile = ''] = process.argv.slice(2);
const reader = openReader(name);
const random = new Random(hash(name), Number(seed), Date.now());
const coverage = new Coverage((url) => url.includes('/fuzz/bundle-'));
const corpus: (readonly number[])[] = [];
const saved: readonly (readonly number[])[] = existsSync(corpusFile)
  ? JSON.parse(readFileSync(corpusFile, 'utf8'))
  : [];
const report = { inputs: 0, outcomes: new Map<string, number>(), slowest: 0, largest: 0 };
const findings: { tape: readonly number[]; violation: string }[] = [];

let said = 0;

function make(words: readonly number[]): Trial {
  const tape = new Tape(words, random.word());
  const input = reader.make(tape);
  return { tape: tape.used, input };
}

async function read({ tape, input }: Trial): Promise<void> {
  ftruncateSync(POSITION_FD);
  writeSync(POSITION_FD, JSON.stringify(tape), 0);
  const { outcome, violation, milliseconds, bytes } = await judge(reader, input);
  report.inputs++;
  report.outcomes.set(outcome, (report.outcomes.get(outcome) ?? 0) + 1);
  report.slowest = Math.max(report.slowest, milliseconds);
  report.largest = Math.max(report.largest, bytes);
  if (violation !== null) findings.push({ tape, violation });
  if (performance.now() - said > REPORT_MS || findings.length > 0) say(false);
}

/** Reads the inputs; keeps the tapes of those that ran something new, which it finds by halves. */
async function search(trials: readonly Trial[]): Promise<void> {
  coverage.skip();
  for (const trial of trials) await read(trial);
  const [first] = trials;
  if (trials.length <= 1) {
    if (first && coverage.isNew()) corpus.push(first.tape);
  } else if (coverage.isNewIn(trials.length)) {
    const middle = trials.length >> 1;
    await search(trials.slice(0, middle));
    await search(trials.slice(middle));
  }
}

/** A kept tape with some choices changed, cut off, or taken from another. */
function changed(): readonly number[] {
  if (corpus.length === 0 || random.once(10)) return [];
  // The newest are the least explored.
  const index = random.once(2)
    ? random.below(corpus.length)
    : corpus.length - 1 - random.below(Math.min(8, corpus.length));
  const words = [...(corpus[index] ?? [])];
  const at = random.below(words.length);
  switch (random.below(4)) {
    case 0:
      return words.slice(0, at);
    case 1: {
      const other = random.pick(corpus);
      return [...words.slice(0, at), ...other.slice(random.below(other.length))];
    }
    default:
      for (let changes = 1 + random.below(3); changes > 0; changes--) words[random.below(words.length)] = random.word();
      return words;
  }
}

function say(isDone: boolean): void {
  said = performance.now();
  const { inputs, outcomes, slowest, largest } = report;
  const line = {
    ...{ inputs, outcomes: Object.fromEntries(outcomes), slowest, largest },
    ...{ findings: findings.splice(0), corpus: corpus.length, ...coverage.size, done: isDone },
  };
  writeSync(1, `${JSON.stringify(line)}\n`);
  writeFileSync(corpusFile, JSON.stringify(corpus));
}

const end = performance.now() + 1000 * Number(seconds);
for (let at = 0; at < saved.length; at += BATCH) await search(saved.slice(at, at + BATCH).map(make));
while (performance.now() < end) await search(Array.from({ length: BATCH }, () => make(changed())));
say(true);
