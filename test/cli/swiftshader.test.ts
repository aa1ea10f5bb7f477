/** The download of SwiftShader from an npm package: unpacked, checked by its hash, all or nothing. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../../src/cli/server.js';
import { type DriverPackage, downloadSwiftShader } from '../../src/cli/swiftshader.js';

const OUT = mkdtempSync(join(tmpdir(), 'densenet-webgpu-driver-'));
const FILES = { 'libvk_swiftshader.so': 'driver', 'libvulkan.so.1': 'loader', 'vk_swiftshader_icd.json': '{}' };

/** A tar archive (POSIX ustar). */
function tar(files: Readonly<Record<string, Uint8Array | string>>): Buffer {
  const entries = Object.entries(files).map(([name, content]) => {
    const body = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(body.length.toString(8).padStart(11, '0'), 124);
    header.write('ustar', 257);
    return Buffer.concat([header, body, Buffer.alloc(-body.length & 511)]);
  });
  return Buffer.concat([...entries, Buffer.alloc(1024)]);
}

/** An npm tarball with other files before and behind the driver's archive. */
function tarball(driver: Readonly<Record<string, string>>): Buffer {
  return gzipSync(
    tar({
      'package/bin/chromium.br': Buffer.alloc(3000, 7),
      'package/bin/swiftshader.tar.br': brotliCompressSync(tar(driver)),
      'package/package.json': '{}',
    }),
  );
}

const { 'libvulkan.so.1': _, ...INCOMPLETE } = FILES;
const WHOLE = tarball(FILES);

describe.runIf(process.platform === 'linux' && process.arch === 'x64')('the download of SwiftShader', () => {
  let server: RunningServer;
  beforeAll(async () => {
    const files = new Map([
      ['/whole.tgz', WHOLE],
      ['/incomplete.tgz', tarball(INCOMPLETE)],
    ]);
    server = await startServer({ files });
  });
  afterAll(async () => {
    await server?.close();
    rmSync(OUT, { recursive: true });
  });

  const from = (name: string, folder: string, bytes: Uint8Array): DriverPackage => ({
    url: `${server.origin}/${name}`,
    integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
    folder: join(OUT, folder),
  });

  it('leaves the driver, its loader and its manifest in the folder, and can be done twice at once', async () => {
    const source = from('whole.tgz', 'cache/driver', WHOLE);
    await Promise.all([downloadSwiftShader(source), downloadSwiftShader(source)]);
    expect(readdirSync(join(OUT, 'cache'))).toEqual(['driver']);
    for (const [name, content] of Object.entries(FILES))
      expect(readFileSync(join(source.folder, name), 'utf8')).toBe(content);
  });

  it.each([
    ['another hash', 'whole.tgz', Buffer.from('other bytes'), /has the sha512 \S+, not the pinned/],
    ['a file missing', 'incomplete.tgz', tarball(INCOMPLETE), /package has no libvulkan\.so\.1/],
    ['no answer', 'none.tgz', WHOLE, /answered 404/],
  ])('fails and leaves nothing with %s', async (name, file, bytes, message) => {
    const source = from(file, `refused/${name}`, bytes);
    await expect(downloadSwiftShader(source)).rejects.toThrow(message);
    expect(existsSync(join(OUT, 'refused'))).toBe(false);
  });
});
