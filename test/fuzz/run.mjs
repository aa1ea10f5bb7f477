/**
 * The long form of the fuzz tests.
 *
 *   npm run fuzz -- [--reader NAME] [--seconds N] [--inputs N] [--seed N] [--from N] [--replay INDEX] [--patience MS]
 *   npm run fuzz -- --guided [--reader NAME] [--seconds N] [--seed N] [--patience MS]
 *   npm run fuzz -- --reader NAME --tape FILE
 *
 * Each reader runs in a child process with a limit on its heap; one that hangs or dies is started again behind the
 * input that did it. Every offending input is saved under .cache/fuzz and named with the line that shows it again.
 * `--guided` keeps and changes the inputs that run code which no input ran before.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, OUT, runChild } from './child-process.mjs';
import { guidedSearch, HEADING } from './guided.mjs';

/** A reader for so many seconds, through as many children as it takes. */
async function fuzz(judge, reader, { seed, from, to, seconds }) {
  const total = { reader, inputs: 0, outcomes: new Map(), findings: new Map(), slowest: 0, largest: 0 };
  const find = ({ index, violation }) => {
    const kind = violation.replace(/\d+/g, 'N');
    const seen = total.findings.get(kind);
    if (seen) seen.count++;
    else total.findings.set(kind, { index, violation, count: 1, file: save(judge, reader, seed, index) });
  };
  const began = performance.now();
  for (let next = from; ; ) {
    const left = seconds - (performance.now() - began) / 1000;
    if (left <= 0 || next >= to) break;
    const { why, position } = await runChild('child.js', [reader, seed, next, to, left], patience, (progress) => {
      total.inputs += progress.next - next;
      next = progress.next;
      total.slowest = Math.max(total.slowest, progress.slowest);
      total.largest = Math.max(total.largest, progress.largest);
      progress.findings.forEach(find);
      for (const [outcome, count] of Object.entries(progress.outcomes)) {
        total.outcomes.set(outcome, (total.outcomes.get(outcome) ?? 0) + count);
      }
    });
    if (why === null) break;
    const index = position.length === 8 ? Number(position.readBigUInt64LE(0)) : next;
    find({ index, violation: why });
    total.inputs += index + 1 - next;
    next = index + 1;
  }
  return { ...total, seconds: (performance.now() - began) / 1000 };
}

/** Makes the input again, here, and writes its files. */
function save(judge, reader, seed, index) {
  const folder = join(OUT, `${reader}-${seed}-${index}`);
  mkdirSync(folder, { recursive: true });
  const files = judge.makeInput(judge.openReader(reader), reader, seed, index);
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  return folder;
}

function report({ reader, inputs, outcomes, findings, slowest, largest, seconds }, seed) {
  const by = [...outcomes].sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`);
  console.log(
    `| ${reader} | ${inputs} | ${seconds.toFixed(0)} s | ${by.join(', ')} | ${slowest.toFixed(0)} ms | ${(largest / 1024).toFixed(0)} KiB | ${findings.size} |`,
  );
  for (const { index, violation, count, file } of findings.values()) {
    console.error(
      `FINDING ${reader} ×${count}: ${violation}\n  ${file}\n  npm run fuzz -- --reader ${reader} --seed ${seed} --replay ${index}`,
    );
  }
}

const { values } = parseArgs({
  options: {
    reader: { type: 'string', multiple: true },
    seconds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    inputs: { type: 'string' },
    replay: { type: 'string' },
    guided: { type: 'boolean', default: false },
    tape: { type: 'string' },
    // No report for so long is a hang; the machine may be busy, so it is far above the second that a reader has.
    patience: { type: 'string', default: '30000' },
  },
});
const patience = Number(values.patience);
const judge = await bundle();
const seed = Number(values.seed);
const readers = values.reader ?? judge.readerNames();
if (values.tape !== undefined) {
  const tape = new judge.Tape(JSON.parse(readFileSync(values.tape, 'utf8')), 0);
  const reader = judge.openReader(readers[0]);
  console.log(await judge.judge(reader, reader.make(tape)));
} else if (values.replay !== undefined) {
  for (const name of readers) {
    const reader = judge.openReader(name);
    const index = Number(values.replay);
    console.log(save(judge, name, seed, index));
    console.log(await judge.judge(reader, judge.makeInput(reader, name, seed, index)));
  }
} else if (values.guided) {
  console.log(HEADING);
  let found = 0;
  for (const name of readers)
    found += await guidedSearch(judge, name, { seed, seconds: Number(values.seconds ?? 30), patience });
  process.exitCode = found > 0 ? 1 : 0;
} else {
  console.log(
    '| reader | inputs | time | outcomes | slowest | most memory | findings |\n|---|---|---|---|---|---|---|',
  );
  const from = Number(values.from);
  const seconds = Number(values.seconds ?? (values.inputs ? 'Infinity' : 30));
  let found = 0;
  for (const name of readers) {
    const total = await fuzz(judge, name, {
      seed,
      from,
      to: from + Number(values.inputs ?? 'Infinity'),
      seconds,
    });
    report(total, seed);
    found += total.findings.size;
  }
  process.exitCode = found > 0 ? 1 : 0;
}
