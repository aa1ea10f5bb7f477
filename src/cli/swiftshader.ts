/**
 * SwiftShader, a software Vulkan driver, from an npm package: for computers without a GPU driver and without a browser.
 * Downloaded once, to this project's own cache. The package has it for Linux on x64.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { download } from './download.js';
import { note } from './terminal.js';

export interface DriverPackage {
  readonly url: string;
  /** The hash of the tarball, as in package-lock.json. */
  readonly integrity: string;
  /** The folder to make. */
  readonly folder: string;
}

const VERSION = '153.0.0';
const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'densenet-webgpu');
/** The registry that npm is configured with, where npm runs this. */
const REGISTRY = (process.env.npm_config_registry ?? 'https://registry.npmjs.org').replace(/\/+$/, '');

const SWIFTSHADER: DriverPackage = {
  url: `${REGISTRY}/@sparticuz/chromium/-/chromium-${VERSION}.tgz`,
  integrity: 'sha512-jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA==',
  folder: join(CACHE, `swiftshader-${VERSION}`),
};

const ARCHIVE = 'package/bin/swiftshader.tar.br';
const MANIFEST = 'vk_swiftshader_icd.json';
const FILES = ['libvk_swiftshader.so', 'libvulkan.so.1', MANIFEST];

/** The driver's Vulkan manifest in the cache, or `null` when it has not been downloaded. */
export function cachedSwiftShader(): string | null {
  const manifest = join(SWIFTSHADER.folder, MANIFEST);
  return existsSync(manifest) ? manifest : null;
}

/** @throws Error when it cannot be downloaded, is not the package that was pinned, or is not for this computer */
export async function downloadSwiftShader(from: DriverPackage = SWIFTSHADER): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`SwiftShader's npm package is for Linux on x64, not for ${process.platform} on ${process.arch}`);
  }
  note(`Downloading SwiftShader, a software GPU (npm @sparticuz/chromium, 70 MB, once), to ${from.folder} …`);
  const tarball = await download(from.url, 'SwiftShader');
  const [algorithm = '', expected = ''] = from.integrity.split(/-(.*)/s);
  const digest = createHash(algorithm).update(tarball).digest('base64');
  if (digest !== expected) throw new Error(`${from.url} has the ${algorithm} ${digest}, not the pinned ${expected}`);
  const archive = tarEntry(gunzipSync(tarball), ARCHIVE);
  const driver = brotliDecompressSync(archive);
  const files = FILES.map((name) => [name, tarEntry(driver, name)] as const);
  mkdirSync(join(from.folder, '..'), { recursive: true });
  // Renamed when it is complete, so that no other process sees a part.
  const unfinished = mkdtempSync(`${from.folder}-`);
  try {
    for (const [name, bytes] of files) writeFileSync(join(unfinished, name), bytes);
    renameSync(unfinished, from.folder);
  } catch (error) {
    if (!existsSync(join(from.folder, MANIFEST))) throw error; // else another process was quicker
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

const BLOCK = 512;

/** The content of a file in a tar archive (POSIX ustar). @throws Error when it is not there */
function tarEntry(tar: Uint8Array, wanted: string): Uint8Array {
  const text = (start: number, length: number) =>
    Buffer.from(tar.subarray(start, start + length))
      .toString('latin1')
      .replace(/\0.*$/s, '');
  for (let offset = 0; offset + BLOCK <= tar.length; ) {
    const name = text(offset, 100).replace(/^\.\//, '');
    const size = Number.parseInt(text(offset + 124, 12), 8) || 0;
    const start = offset + BLOCK;
    if (name === wanted && start + size <= tar.length) return tar.subarray(start, start + size);
    offset = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  throw new Error(`SwiftShader's npm package has no ${wanted}`);
}
