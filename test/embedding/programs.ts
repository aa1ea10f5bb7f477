/** The programs of docs/embedding.md that need no browser. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findDriver } from '../../src/cli/dawn.js';
import { denoBinary } from '../conformance/deno.js';
import { CAT, folderOf } from './projects.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SOURCES = fileURLToPath(new URL('.', import.meta.url));

export interface Program {
  readonly name: string;
  readonly title: string;
  readonly isQuick: boolean;
  readonly file: string;
  /** For the table. */
  readonly where: string;
  /** Packages of the root that it imports. */
  readonly packages: readonly string[];
  /** Whether something is missing here. */
  readonly missing: () => boolean;
  /** What it prints. */
  readonly run: (folder: string) => string;
  readonly answer: RegExp;
}

export const PROGRAMS: readonly Program[] = [
  {
    ...{ name: 'node', title: 'Node, with npm `webgpu` and `sharp`', file: 'classify.mjs', where: 'Node' },
    ...{ isQuick: true, packages: ['webgpu', 'sharp', '@img', 'detect-libc', 'semver'] },
    missing: () => findDriver('lavapipe') === null,
    run: (folder) => run(folder, process.execPath, 'classify.mjs'),
    answer: CAT,
  },
  {
    ...{ name: 'deno', title: 'Deno, with npm `sharp`', file: 'classify.mjs', where: 'Deno' },
    ...{ isQuick: false, packages: ['sharp', '@img', 'detect-libc', 'semver'] },
    missing: () => denoBinary() === null || findDriver('lavapipe') === null,
    run: (folder) =>
      run(folder, denoBinary() ?? '', 'run', '-A', '--quiet', '--node-modules-dir=manual', 'classify.mjs'),
    answer: CAT,
  },
  {
    ...{ name: 'typescript', title: 'TypeScript, strict', file: 'classify.ts', where: 'tsc' },
    ...{ isQuick: true, packages: [] },
    missing: () => false,
    run: (folder) =>
      run(
        folder,
        process.execPath,
        join(ROOT, 'node_modules/typescript/bin/tsc'),
        ...['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--lib', 'es2022,dom'],
        ...['--module', 'esnext', '--moduleResolution', 'bundler', '--types', '', 'classify.ts'],
      ),
    answer: /^$/,
  },
];

/** A software GPU. */
function run(folder: string, command: string, ...args: string[]): string {
  const env = { ...process.env, VK_ICD_FILENAMES: findDriver('lavapipe') ?? '', NO_COLOR: '1' };
  return execFileSync(command, args, { cwd: folder, env, encoding: 'utf8', timeout: 100_000 }).trim();
}

/** The program in a folder with its packages, the model and the picture. @param packed the folder of the packed package */
export function prepareProgram({ name, file, packages }: Program, packed: string): string {
  const folder = folderOf(packed, name);
  const modules = join(folder, 'node_modules');
  mkdirSync(modules, { recursive: true });
  for (const each of packages) symlinkSync(join(ROOT, 'node_modules', each), join(modules, each));
  symlinkSync(packed, join(modules, 'densenet-webgpu'));
  copyFileSync(join(SOURCES, name, file), join(folder, file));
  copyFileSync(join(ROOT, 'weights/default.safetensors'), join(folder, 'model.safetensors'));
  copyFileSync(join(ROOT, 'demo/samples/cat.png'), join(folder, 'cat.png'));
  return folder;
}
