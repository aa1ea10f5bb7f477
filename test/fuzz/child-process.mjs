/** The fuzzers' child processes: the bundle that they run, their limits, and how they end. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const OUT = join(ROOT, '.cache/fuzz');
/** Of this run alone, and gone with it. Inside the package, where npm's packages are found from. */
const BUNDLE = join(OUT, `bundle-${process.pid}`);
/** A young generation of 64 MiB keeps garbage collections out of most measurements. */
const CHILD_FLAGS = ['--max-old-space-size=256', '--max-semi-space-size=64', '--enable-source-maps'];

/** @returns the readers and their judge, for this process */
export async function bundle() {
  process.once('exit', () => rmSync(BUNDLE, { recursive: true, force: true }));
  await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: ['child', 'guided-child', 'judge', 'random'].map((name) => `test/fuzz/${name}.ts`),
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
  const load = (name) => import(pathToFileURL(join(BUNDLE, `${name}.js`)).href);
  return { ...(await load('judge')), ...(await load('random')) };
}

/**
 * One child until it ends. A line of JSON on its stdout is progress; none for `patience` milliseconds is a hang.
 *
 * @param script of the bundle
 * @returns why it ended too early, or null; and what it had written to its file descriptor 3: the input at that moment
 */
export async function runChild(script, args, patience, onProgress) {
  const positionFile = join(BUNDLE, 'position');
  const position = openSync(positionFile, 'w');
  const command = [...CHILD_FLAGS, join(BUNDLE, script), ...args.map(String)];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe', position] });
  closeSync(position);
  let [hung, complaint] = [false, ''];
  const hang = () => {
    hung = true;
    child.kill('SIGKILL');
  };
  let timer;
  // In two halves: after a pause of the whole machine, what the child has said meanwhile is read before the second ends.
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = setTimeout(hang, patience / 2);
    }, patience / 2);
  };
  wait();
  child.stderr.on('data', (chunk) => (complaint += chunk));
  createInterface({ input: child.stdout }).on('line', (line) => {
    wait();
    onProgress(JSON.parse(line));
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  const why = hung ? `hung for over ${patience} ms` : `ended its process: ${lastWords(complaint) || `code ${code}`}`;
  return { why: code === 0 ? null : why, position: readFileSync(positionFile) };
}

const lastWords = (text) => /^.*(?:Error|FATAL ERROR).*$/m.exec(text)?.[0] ?? text.trim().split('\n').at(-1);
