/**
 * The build: shaders → typed kernel manifest → bundles → type declarations → size report.
 *
 *   node build.mjs             everything
 *   node build.mjs manifest    the kernel manifest only (what type checking and unit tests need)
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import { minify } from 'terser';
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { buildBench } from './demo/bench/build.mjs';

const ROOT = fileURLToPath(new URL('.', import.meta.url));
const MANIFEST = join(ROOT, 'src/plan/kernels.generated.ts');
const GZIP_BUDGET = 30 * 1024;

const read = (...path) => readFileSync(join(ROOT, ...path), 'utf8');
const wgslIn = (folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.wgsl'))
    .sort();

/** Comments and indentation cost bytes in the bundle; the markers that the expander reads are kept. */
function strip(source) {
  return source
    .split('\n')
    .map((line) => line.replace(/\s*\/\/(?! (?:tile|unroll|subgroup)$).*$/, '').trim())
    .filter((line) => line !== '')
    .join('\n');
}

const TEXTURES = { texture_2d: 'texture', texture_external: 'external-texture' };

function bindingKind(variable) {
  const type = variable.type?.name ?? '';
  if (type in TEXTURES) return TEXTURES[type];
  if (variable.resourceType === 0) return 'uniform';
  return variable.access === 'read_write' ? 'storage' : 'read-only-storage';
}

/** What the TypeScript side must know of one kernel, by reflection, so that a mismatch is a type error. */
function describeKernel(file, preamble) {
  const source = read('shaders', file);
  const reflect = new WgslReflect(`${preamble}\n${source}`);
  const resources = [...reflect.storage, ...reflect.uniforms, ...reflect.textures, ...reflect.samplers];
  resources.sort((a, b) => a.binding - b.binding);
  const params = reflect.uniforms.find((u) => u.name === 'params');
  return {
    source: strip(source),
    bindings: resources.map((r) => ({ name: r.name, binding: r.binding, kind: bindingKind(r) })),
    params: Object.fromEntries(
      (params?.type.members ?? []).map((m) => [m.name, { offset: m.offset, type: m.type.name }]),
    ),
    paramsBytes: params?.size ?? 0,
  };
}

export function writeManifest() {
  const parts = Object.fromEntries(
    wgslIn('shaders/parts').map((f) => [basename(f, '.wgsl'), read('shaders/parts', f)]),
  );
  const preamble = `${parts.activations_f32}\n${parts.weights_f32}`;
  const kernels = wgslIn('shaders').map((file) => [basename(file, '.wgsl'), describeKernel(file, preamble)]);
  const stripped = Object.entries(parts).map(([name, source]) => [name, strip(source)]);
  writeFileSync(
    MANIFEST,
    `// Made by build.mjs from shaders/*.wgsl; not to be edited.\n` +
      `export const PARTS = ${JSON.stringify(Object.fromEntries(stripped), null, 2)} as const;\n` +
      `export const KERNELS = ${JSON.stringify(Object.fromEntries(kernels), null, 2)} as const;\n`,
  );
  return kernels.length;
}

/** Libraries that the command line loads when a command needs them; never part of the browser bundles. */
const CLI_EXTERNAL = [
  'puppeteer-core',
  '@puppeteer/browsers',
  'sharp',
  'webgpu',
  'h5wasm',
  'protobufjs',
  'onnxruntime-node',
  'onnxruntime-web',
  '@tensorflow/*',
];

async function bundle() {
  const browser = { bundle: true, minifySyntax: true, sourcemap: true, target: 'es2022', logLevel: 'warning' };
  const entry = join(ROOT, 'src/index.ts');
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  mkdirSync(join(ROOT, 'dist'));
  const builds = [
    { ...browser, entryPoints: [entry], format: 'esm', outfile: 'dist/densenet-webgpu.js' },
    {
      ...browser,
      entryPoints: [entry],
      format: 'iife',
      globalName: 'DenseNetWebGPU',
      outfile: 'dist/densenet-webgpu.iife.js',
    },
    {
      entryPoints: [join(ROOT, 'src/cli/main.ts')],
      // A chunk for each command: none needs the npm packages of another.
      splitting: true,
      chunkNames: '[name]-[hash]',
      outdir: 'dist/cli',
      banner: { js: '#!/usr/bin/env node' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      external: CLI_EXTERNAL,
      logLevel: 'warning',
    },
  ];
  await Promise.all(builds.map((options) => esbuild.build({ absWorkingDir: ROOT, ...options })));
  await Promise.all([
    shrink('densenet-webgpu.js', true),
    shrink('densenet-webgpu.iife.js', false),
    demo(),
    buildBench(),
  ]);
}

/**
 * Members that TypeScript keeps private may be called anything in a bundle. Only names of several words are shortened,
 * and none that also names something outside: in the public types, in model files or in the kernels' manifest.
 */
function privateNames() {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true }).filter((file) =>
    /^(?!cli|import).*\.ts$/.test(file),
  );
  const declared = files.flatMap((file) => [...read('src', file).matchAll(/\bprivate (?:readonly |async )*(\w+)/g)]);
  const outside = [
    'api.ts',
    'errors.ts',
    'plan/kernels.generated.ts',
    'image/spec.ts',
    'model/config.ts',
    'model/model.ts',
  ];
  const taken = new Set(outside.flatMap((file) => read('src', file).match(/\w+/g)));
  return [...new Set(declared.map(([, name]) => name))].filter((name) => /[a-z][A-Z]/.test(name) && !taken.has(name));
}

/** Terser, since its result is 4 % smaller gzipped than esbuild's own minifier's. */
async function shrink(file, module) {
  const path = join(ROOT, 'dist', file);
  const map = { content: readFileSync(`${path}.map`, 'utf8'), url: `${file}.map` };
  const { code, map: shrunk } = await minify(readFileSync(path, 'utf8'), {
    module,
    ecma: 2020,
    compress: { passes: 3 },
    mangle: { properties: { regex: new RegExp(`^(${privateNames().join('|')})$`) } },
    sourceMap: map,
  });
  writeFileSync(path, code);
  writeFileSync(`${path}.map`, shrunk);
}

/** The demo page → dist/demo; it imports the built package, as its readers would. */
async function demo() {
  await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: ['demo/demo.ts', 'demo/import-worker.ts'],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    alias: { 'densenet-webgpu': '/dist/densenet-webgpu.js' },
    external: ['/dist/*'],
    outdir: 'dist/demo',
    logLevel: 'warning',
  });
  for (const file of ['index.html', 'demo.css', 'charts.css', 'icon.svg'])
    copyFileSync(join(ROOT, 'demo', file), join(ROOT, 'dist/demo', file));
}

function declarations() {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.build.json')], { stdio: 'inherit' });
}

function sizeReport() {
  for (const file of ['densenet-webgpu.js', 'densenet-webgpu.iife.js']) {
    const bytes = readFileSync(join(ROOT, 'dist', file));
    const gzip = gzipSync(bytes, { level: 9 }).length;
    console.log(`${file.padEnd(26)} ${String(bytes.length).padStart(7)} B, gzip ${String(gzip).padStart(6)} B`);
    if (gzip > GZIP_BUDGET) throw new Error(`${file} is over its budget of ${GZIP_BUDGET} B gzipped`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const kernels = writeManifest();
  if (process.argv[2] !== 'manifest') {
    await bundle();
    declarations();
    console.log(`${kernels} kernels`);
    sizeReport();
  }
}
