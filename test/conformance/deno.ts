/** The suite in Deno, whose WebGPU is wgpu; the binary comes with the npm package `deno`. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Extent } from './lab.js';

/** Path of the script on the server. */
export const DENO_PATH = '/deno.js';

/** Imports the package and the suite from the server too; prints the report. */
export const DENO_SCRIPT = `
import * as densenet from '/dist/densenet-webgpu.js'; import { conform } from '/suite.js';
const { origin, search } = new URL(import.meta.url);
const extent = decodeURIComponent(search.slice(1));
console.log(JSON.stringify(await conform({ densenet, gpu: navigator.gpu, origin, extent })));
Deno.exit(0);`;

/** npm packages with the binary, by platform. */
const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64-glibc',
  'linux-arm64': 'linux-arm64-glibc',
  'darwin-x64': 'darwin-x64',
  'darwin-arm64': 'darwin-arm64',
};

export interface Deno {
  readonly version: () => Promise<string>;
  /** What {@link DENO_SCRIPT} prints. */
  readonly report: (origin: string, extent: Extent) => Promise<string>;
}

/** Deno over the Vulkan driver of a manifest. It may reach the server and nothing else. */
export function denoOf(binary: string, driver: string, timeout: number): Deno {
  const env = { ...process.env, VK_ICD_FILENAMES: driver, NO_COLOR: '1' };
  const run = async (...args: string[]) => (await promisify(execFile)(binary, args, { env, timeout })).stdout;
  return {
    version: async () => /deno (\d+\.\d+)/.exec(await run('--version'))?.[1] ?? '',
    report: (origin, extent) => {
      const { host } = new URL(origin);
      const allowed = [`--allow-net=${host}`, `--allow-import=${host}`, '--unstable-webgpu'];
      const flags = ['--quiet', '--no-prompt', '--no-config', '--no-lock', '--reload', ...allowed];
      return run('run', ...flags, `${origin}${DENO_PATH}?${encodeURIComponent(extent)}`);
    },
  };
}

/** The binary's path, or null where the package is not installed. */
export function denoBinary(): string | null {
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`@deno/${name}/package.json`));
    const path = join(folder, 'deno');
    return existsSync(path) ? path : null;
  } catch {
    return null;
  }
}
