/**
 * The long form of the fuzz tests.
 *
 *   npm run fuzz -- [--reader NAME] [--seconds N] [--inputs N] [--seed N] [--from N] [--replay INDEX] [--patience MS]
 *
 * Each reader runs in a child process with a limit on its heap; one that hangs or dies is started again behind the
 * input that did it. Every offending input is saved under .cache/fuzz and named with the line that shows it again.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import * as esbuild from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OUT = join(ROOT, '.cache/fuzz');
/** Of this run alone, and gone with it. Inside the package, where npm's packages are found from. */
const BUNDLE = join(OUT, `bundle-${process.pid}`);
/** A young generation of 64 MiB keeps garbage collections out of most measurements. */
const CHILD_FLAGS = ['--max-old-space-size=256', '--max-semi-space-size=64', '--enable-source-maps'];

async function bundle() {
  await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: ['test/fuzz/child.ts', 'test/fuzz/judge.ts'],
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    // Files are found from where the sources are, not from where the bundle is.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(ROOT, 'test/reference/fixtures.ts')).href) },
    outdir: BUNDLE,
    logLevel: 'warning',
  });
  return import(pathToFileURL(join(BUNDLE, 'judge.js')).href);
}

/** One child from one index on; resolves with why it ended. */
async function runChild({ reader, seed, from, to, seconds }, onProgress) {
  const positionFile = join(BUNDLE, 'position');
  const position = openSync(positionFile, 'w');
  const child = spawn(
    process.execPath,
    [...CHILD_FLAGS, join(BUNDLE, 'child.js'), reader, seed, from, to, seconds].map(String),
    {
      stdio: ['ignore', 'pipe', 'pipe', position],
    },
  );
  closeSync(position);
  let [hung, complaint] = [false, ''];
  const hang = () => {
    hung = true;
    child.kill('SIGKILL');
  };
  let timer = setTimeout(hang, patience);
  child.stderr.on('data', (chunk) => (complaint += chunk));
  createInterface({ input: child.stdout }).on('line', (line) => {
    clearTimeout(timer);
    timer = setTimeout(hang, patience);
    onProgress(JSON.parse(line));
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  if (code === 0) return { ended: null };
  const bytes = readFileSync(positionFile);
  const index = bytes.length === 8 ? Number(bytes.readBigUInt64LE(0)) : from;
  const why = hung ? `hung for over ${patience} ms` : `ended its process: ${lastWords(complaint) || `code ${code}`}`;
  return { ended: { index, violation: why } };
}

const lastWords = (text) => /^.*(?:Error|FATAL ERROR).*$/m.exec(text)?.[0] ?? text.trim().split('\n').at(-1);

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
    const { ended } = await runChild({ reader, seed, from: next, to, seconds: left }, (progress) => {
      total.inputs += progress.next - next;
      next = progress.next;
      total.slowest = Math.max(total.slowest, progress.slowest);
      total.largest = Math.max(total.largest, progress.largest);
      progress.findings.forEach(find);
      for (const [outcome, count] of Object.entries(progress.outcomes)) {
        total.outcomes.set(outcome, (total.outcomes.get(outcome) ?? 0) + count);
      }
    });
    if (!ended) break;
    find(ended);
    total.inputs += ended.index + 1 - next;
    next = ended.index + 1;
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
    // No report for so long is a hang; the machine may be busy, so it is far above the second that a reader has.
    patience: { type: 'string', default: '30000' },
  },
});
process.once('exit', () => rmSync(BUNDLE, { recursive: true, force: true }));
const patience = Number(values.patience);
const judge = await bundle();
const seed = Number(values.seed);
const readers = values.reader ?? judge.readerNames();
if (values.replay !== undefined) {
  for (const name of readers) {
    const reader = judge.openReader(name);
    const index = Number(values.replay);
    console.log(save(judge, name, seed, index));
    console.log(await judge.judge(reader, judge.makeInput(reader, name, seed, index)));
  }
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
