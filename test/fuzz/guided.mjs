/**
 * The search that is guided by coverage: tapes of choices whose inputs run new code are kept and changed (guided-child.ts).
 * They stay in .cache/fuzz/corpus, so that a search goes on where the last one ended.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OUT, runChild } from './child-process.mjs';

/** @returns how many findings; each is saved with its tape */
export async function guidedSearch(judge, reader, { seed, seconds, patience }) {
  mkdirSync(join(OUT, 'corpus'), { recursive: true });
  const corpusFile = join(OUT, 'corpus', `${reader}.json`);
  const findings = new Map();
  const total = { inputs: 0, last: null };
  const find = (tape, violation) => {
    const kind = violation.replace(/\d+/g, 'N');
    if (!findings.has(kind)) findings.set(kind, { violation, folder: save(judge, reader, tape, findings.size) });
  };
  const began = performance.now();
  const spent = () => (performance.now() - began) / 1000;
  while (spent() < seconds) {
    let [read, last] = [0, null];
    const args = [reader, seed, seconds - spent(), corpusFile];
    const { why, position } = await runChild('guided-child.js', args, patience, (progress) => {
      [read, last] = [progress.inputs, progress];
      for (const { tape, violation } of progress.findings) find(tape, violation);
    });
    total.inputs += read;
    total.last = last ?? total.last;
    if (why === null) break;
    find(JSON.parse(position.toString() || '[]'), why);
  }
  const { corpus = 0, functions = 0, idleBlocks = 0, slowest = 0, largest = 0, outcomes = {} } = total.last ?? {};
  const typed = Object.keys(outcomes).length;
  console.log(
    `| ${reader} | ${total.inputs} | ${spent().toFixed(0)} s | ${corpus} | ${functions} (${idleBlocks} blocks never ran) | ${typed} | ${slowest.toFixed(0)} ms | ${(largest / 1024).toFixed(0)} KiB | ${findings.size} |`,
  );
  for (const { violation, folder } of findings.values())
    console.error(
      `FINDING ${reader}: ${violation}\n  ${folder}\n  npm run fuzz -- --reader ${reader} --tape ${folder}/tape.json`,
    );
  return findings.size;
}

export const HEADING =
  '| reader | inputs | time | kept | functions that ran | outcomes | slowest | most memory | findings |\n|---|---|---|---|---|---|---|---|---|';

function save(judge, reader, tape, number) {
  const folder = join(OUT, `${reader}-guided-${process.pid}-${number}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'tape.json'), JSON.stringify(tape));
  const files = judge.openReader(reader).make(new judge.Tape(tape, 0));
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  return folder;
}
