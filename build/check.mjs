/**
 * Runs checks side by side. Prints what a check printed when it fails.
 *
 *   node build/check.mjs types lint imports          `npm run check`
 *   node build/check.mjs types lint imports unit     `npm run quick`: no browser, no GPU, under a minute on 2 cores
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { writeManifests } from './kernels.mjs';

const CHECKS = {
  types: ['node_modules/typescript/bin/tsc', '--noEmit'],
  lint: ['node_modules/@biomejs/biome/bin/biome', 'check'],
  imports: ['build/check-imports.mjs'],
  unit: ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit'],
};

/** @returns whether the check passed */
function run(name) {
  const began = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, CHECKS[name]);
    const printed = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => printed.push(bytes));
    child.on('close', (code) => {
      const text = Buffer.concat(printed).toString().trimEnd();
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      if (code !== 0) console.log(text);
      const lastLine = name === 'unit' ? `: ${text.split('\n').at(-1)}` : '';
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name}, ${seconds} s${lastLine}`);
      resolve(code === 0);
    });
  });
}

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
writeManifests();
const names = process.argv.slice(2);
const unknown = names.find((name) => !(name in CHECKS));
if (unknown) throw new Error(`there is no check "${unknown}": there are ${Object.keys(CHECKS).join(', ')}`);
const results = await Promise.all(names.map(run));
process.exit(results.every(Boolean) ? 0 : 1);
