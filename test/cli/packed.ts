/** The package as npm publishes it, installed from its tarball. Nothing is asked of the network. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** npm's own script: where npm says it is when it runs the tests, else beside Node. */
export const NPM = [
  process.env.npm_execpath ?? '',
  join(process.execPath, '../../lib/node_modules/npm/bin/npm-cli.js'),
  join(process.execPath, '../node_modules/npm/bin/npm-cli.js'),
].find((path) => path.endsWith('.js') && existsSync(path));

/** @returns the files in the package, and the bytes of its tarball */
export function installPacked(folder: string): { readonly files: readonly string[]; readonly bytes: number } {
  const out = npm(ROOT, 'pack', '--ignore-scripts', '--json', '--silent', '--pack-destination', folder);
  const [packed] = JSON.parse(out.slice(out.indexOf('[')));
  npm(folder, 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', `./${packed.filename}`);
  return { files: packed.files.map(({ path }: { path: string }) => path), bytes: packed.size };
}

function npm(cwd: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [NPM ?? '', ...args], { cwd, encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return stdout;
}
