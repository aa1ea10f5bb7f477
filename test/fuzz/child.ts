/**
 * One reader in a process of its own, so that a hang or an exhausted heap ends the process and not the run.
 *
 *   node child.js READER SEED FROM TO SECONDS
 *
 * Says on stdout, one JSON document a line, at least once a second and with each finding, how far it is; what it reads at the moment is the
 * 8-byte number in the file descriptor 3.
 */
import { writeSync } from 'node:fs';
import { judge, makeInput, openReader } from './judge.js';

export interface Progress {
  /** The index after the last that was judged. */
  readonly next: number;
  /** Outcomes since the last line. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly findings: readonly { readonly index: number; readonly violation: string }[];
  readonly slowest: number;
  readonly largest: number;
  readonly done: boolean;
}

const REPORT_MS = 1000;
const POSITION_FD = 3;

const [name = '', seed = '0', from = '0', to = 'Infinity', seconds = '1'] = process.argv.slice(2);
const reader = openReader(name);
const end = performance.now() + 1000 * Number(seconds);
const position = new BigUint64Array(1);

for (let index = Number(from), done = false; !done; ) {
  const outcomes: Record<string, number> = {};
  const findings: { index: number; violation: string }[] = [];
  let [slowest, largest] = [0, 0];
  const pause = performance.now() + REPORT_MS;
  while (performance.now() < pause && findings.length === 0 && index < Number(to)) {
    position[0] = BigInt(index);
    writeSync(POSITION_FD, position, 0, 8, 0);
    const { outcome, violation, milliseconds, bytes } = await judge(
      reader,
      makeInput(reader, name, Number(seed), index),
    );
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (violation !== null) findings.push({ index, violation });
    slowest = Math.max(slowest, milliseconds);
    largest = Math.max(largest, bytes);
    index++;
  }
  done = performance.now() >= end || index >= Number(to);
  const progress: Progress = { next: index, outcomes, findings, slowest, largest, done };
  writeSync(1, `${JSON.stringify(progress)}\n`);
}
