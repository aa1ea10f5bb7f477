/** The published package: no dependencies, no stray files, known licenses, and it works after an offline install. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModel } from '../../src/weights/model-file.js';
import { installPacked, NPM } from './packed.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const json = (path: string) => JSON.parse(read(path));

describe('the package', () => {
  it('has only optional peer dependencies', () => {
    const { dependencies, optionalDependencies, bundleDependencies, peerDependencies, peerDependenciesMeta } =
      json('package.json');
    expect([dependencies, optionalDependencies, bundleDependencies]).toEqual([undefined, undefined, undefined]);
    for (const name of Object.keys(peerDependencies)) expect(peerDependenciesMeta[name]?.optional, name).toBe(true);
  });

  it('has browser bundles that import no package and use no eval and no wasm', () => {
    const bundles = ['.', 'demo'].flatMap((folder) =>
      readdirSync(join(ROOT, 'dist', folder))
        .filter((file) => file.endsWith('.js') && !file.startsWith('bench'))
        .map((file) => join('dist', folder, file)),
    );
    expect(bundles.length).toBeGreaterThanOrEqual(4);
    const readOnly = { bundle: true, write: false, outdir: 'nowhere', external: ['*'] };
    const result = buildSync({ ...readOnly, entryPoints: bundles, absWorkingDir: ROOT, format: 'esm', metafile: true });
    const imports = Object.values(result.metafile.outputs).flatMap((output) => output.imports);
    for (const { path } of imports) expect(path).toMatch(/^(\.\/|\/dist\/)/);
    for (const bundle of bundles)
      expect(/(?<!\.)\beval\(|\bFunction\(|WebAssembly/.exec(read(bundle))?.[0], bundle).toBeUndefined();
  });
});

describe('the packages that build it', () => {
  it('are pinned by hash, and come from the registry alone', () => {
    const { lockfileVersion, packages } = json('package-lock.json');
    expect(lockfileVersion).toBe(3);
    const installed = Object.entries<{ integrity?: string; resolved?: string; link?: boolean }>(packages).filter(
      ([path]) => path !== '',
    );
    expect(installed.length).toBeGreaterThan(100);
    for (const [path, { integrity, resolved, link }] of installed) {
      expect(integrity, path).toMatch(/^sha512-[\w+/]{86}==$/);
      expect(resolved ?? 'https://registry.npmjs.org/', path).toMatch(/^https:\/\/registry\.npmjs\.org\//);
      expect(link, path).toBeUndefined();
    }
    for (const range of Object.values(json('package.json').devDependencies)) expect(range).toMatch(/^[\^~]?\d/);
  });

  it('are bundled only under licenses that require their text, and the text is included', () => {
    // The build fails for any other license (build/notices.mjs).
    const packages = [...read('dist/THIRD-PARTY-LICENSES.txt').matchAll(/^(\S+) \d\S+ \((.+)\)$/gm)];
    expect(packages.map(([, name, license]) => [name, license])).toEqual([
      ['fdir', 'MIT'],
      ['fflate', 'MIT'],
      ['picomatch', 'MIT'],
      ['protobufjs', 'BSD-3-Clause'],
      ['tinyglobby', 'MIT'],
    ]);
  });
});

describe('the default weights', () => {
  it('have the hash that weights/train/README.md states', () => {
    const bytes = readFileSync(join(ROOT, 'weights/default.safetensors'));
    expect(read('weights/train/README.md')).toContain(createHash('sha256').update(bytes).digest('hex'));
    expect(readModel(bytes).metadata).toMatchObject({
      license: 'MIT',
      provenance: expect.stringContaining('weights/train/README.md'),
    });
  });

  it('are made again, byte for byte, by the command of weights/train/README.md', () => {
    const [, provenance = ''] = /--provenance "(.+)"/.exec(read('weights/train/README.md')) ?? [];
    const folder = mkdtempSync(join(tmpdir(), 'densenet-webgpu-weights-'));
    const model = join(folder, 'default.safetensors');
    const options = ['--weights', 'int8', '--provenance', provenance];
    const cli = [join(ROOT, 'dist/cli/main.js'), 'import', join(ROOT, 'weights/train/default-f16.safetensors')];
    const { status, stderr } = spawnSync(process.execPath, [...cli, ...options, '-o', model], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    expect(readFileSync(model).equals(readFileSync(join(ROOT, 'weights/default.safetensors')))).toBe(true);
    rmSync(folder, { recursive: true });
  });
});

/** All that may be in the package. */
const SHIPPED = [
  /^(package\.json|LICENSE|README\.md|CHANGELOG\.md|BENCHMARKS\.md)$/,
  /^dist\/densenet-webgpu(-\w+|\.\w+)?\.js(\.map)?$/,
  /^dist\/types\/(index|import|iife)\.d\.ts$/,
  /^dist\/cli\/[\w.-]+\.js$/,
  /^dist\/demo\/[\w-]+\.(js|css|html|svg|json|png)$/,
  /^dist\/THIRD-PARTY-LICENSES\.txt$/,
  /^shaders\/((parts|probes)\/)?\w+\.wgsl$/,
  /^weights\/(default\.safetensors|catalog\.json|[\w-]+\.txt)$/,
  /^demo\/samples\/([\w-]+\.png|index\.json|labels\.csv|make\.mjs|SOURCES\.md)$/,
];
const MOST_BYTES = 2.5e6;

describe.skipIf(!NPM)('the packed package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-webgpu-pack-'));
  let files: readonly string[] = [];
  let bytes = 0;

  /** As `npx densenet-webgpu` there. */
  function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
    const bin = join(folder, 'node_modules/densenet-webgpu/dist/cli/main.js');
    return spawnSync(process.execPath, [bin, ...args], { cwd: folder, encoding: 'utf8', timeout: 110_000 });
  }

  beforeAll(() => {
    ({ files, bytes } = installPacked(folder));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('contains what is used, and no tests, fixtures or sources but the shaders', () => {
    expect(files.filter((file) => !SHIPPED.some((pattern) => pattern.test(file)))).toEqual([]);
    for (const needed of [
      'dist/densenet-webgpu.js',
      'dist/densenet-webgpu.iife.js',
      'dist/types/index.d.ts',
      'dist/types/import.d.ts',
      'dist/types/iife.d.ts',
      'LICENSE',
    ])
      expect(files).toContain(needed);
    expect(bytes).toBeLessThan(MOST_BYTES);
  });

  it('installs offline, without any other package', () => {
    expect(readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
      'densenet-webgpu',
    ]);
    expect(existsSync(join(folder, 'node_modules/.bin/densenet-webgpu'))).toBe(true);
  });

  it('prints help, and inspects the bundled model', () => {
    expect(run('--help').stdout).toMatch(/classify[\s\S]+import[\s\S]+inspect/);
    const { status, stdout, stderr } = run('inspect', '--json');
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ parameters: expect.any(Number), arenaBytes: expect.any(Number) });
  });

  it.each([
    'densenet3-bc.pth',
    'onnx/converted.onnx',
    'keras/keras-cifar.h5',
    'keras/keras3.keras',
    'keras/tfjs/model.json',
  ])('imports %s without any other package', (file) => {
    const { status, stderr } = run('import', join(ROOT, 'test/fixtures', file), '-o', 'model.safetensors', '--json');
    expect(status, stderr).toBe(0);
  });

  it('adds no global when Node imports it', () => {
    const script = `const before = Object.keys(globalThis).length; const { DenseNet } = await import('densenet-webgpu');
      console.log(typeof DenseNet.load, Object.keys(globalThis).length - before);`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(stdout.trim()).toBe('function 0');
  });
});
