/**
 * The build: shaders → typed kernel manifest → bundles → type declarations → size report.
 *
 *   node build.mjs             everything
 *   node build.mjs manifest    the kernel manifest only (what type checking and unit tests need)
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import { minify } from 'terser';
import { minifiedKernels, writeManifest } from './build/kernels.mjs';
import { notices } from './build/notices.mjs';
import { internalNames, privateNames } from './build/private-names.mjs';
import { buildBench } from './demo/bench/build.mjs';

const ROOT = fileURLToPath(new URL('.', import.meta.url));
/** 30 KiB: what a page that loads a model and classifies pictures downloads besides it, one file, module or script. */
const GZIP_BUDGET = 30 * 1024;

/** Libraries that the command line loads when a command needs them; never part of the browser bundles. */
const CLI_EXTERNAL = [
  'puppeteer-core',
  '@puppeteer/browsers',
  'sharp',
  'webgpu',
  'h5wasm',
  'onnxruntime-node',
  'onnxruntime-web',
  '@tensorflow/*',
];

async function bundle() {
  const [cli, page] = await Promise.all([commandLine(), demo(), library(), buildBench()]);
  writeFileSync(join(ROOT, 'dist/THIRD-PARTY-LICENSES.txt'), notices(ROOT, [cli, page]));
}

/** What the library fetches when it is asked for: modules that `import()` reaches, each a file beside it. */
const APART = {
  'hub.js': { entry: 'src/runtime/hub.ts', file: 'densenet-webgpu-hub.js' },
  'interpret.js': { entry: 'src/weights/interpret.ts', file: 'densenet-webgpu-names.js' },
  'explanations.js': { entry: 'src/runtime/explanations.ts', file: 'densenet-webgpu-explanations.js' },
  'readouts.js': { entry: 'src/runtime/readouts.ts', file: 'densenet-webgpu-readouts.js' },
  'gaussian.js': { entry: 'src/preprocess/gaussian.ts', file: 'densenet-webgpu-gaussian.js' },
  'float16.js': { entry: 'src/tensor/float16.ts', file: 'densenet-webgpu-halves.js' },
  'hashed.js': { entry: 'src/runtime/hashed.ts', file: 'densenet-webgpu-hashed.js' },
  'software.js': { entry: 'src/gpu/software.ts', file: 'densenet-webgpu-software.js' },
  'profile.js': { entry: 'src/runtime/profile/profile.ts', file: 'densenet-webgpu-profile.js' },
  'tuner.js': { entry: 'src/runtime/tune/tuner.ts', file: 'densenet-webgpu-tune.js' },
};
/** The browser's library as a module, the same as a plain script with one global, and what is apart. */
async function library() {
  const main = await bundled('src/index.ts');
  const apart = await Promise.all(Object.values(APART).map(async ({ entry, file }) => [file, await bundled(entry)]));
  // With everything in it, for service workers, where `import()` is not allowed.
  const whole = await bundled('src/index.ts', []);
  const texts = [main, whole, ...apart.map(([, bundle]) => bundle)].map(({ code }) => code);
  const { internal, others } = await internalNames(join(ROOT, 'dist/types'), platform(), texts);
  const names = [...privateNames(join(ROOT, 'src'), texts), ...internal];
  // Files pass objects to each other: they must agree on short names, and have none that is another property's.
  const agreed = {
    regex: new RegExp(`^(?:${names.join('|')})$`),
    reserved: others.filter((name) => !names.includes(name)),
    cache: { props: undefined },
  };
  // Unsafe are texts put together by `+`, which a Symbol does not survive: only words for errors, apart, tell of one.
  const module = await minified(main, agreed, true);
  emit('densenet-webgpu.js', module);
  emit('densenet-webgpu.iife.js', plainScript(module));
  for (const [file, bundle] of [...apart, ['densenet-webgpu.whole.js', whole]])
    emit(file, await minified(bundle, agreed));
}

/** The declarations of what the library runs on: the language, browsers, WebGPU. */
function platform() {
  const files = compile('--listFilesOnly').match(/^.*(?:\/lib\.[\w.]+|\/@webgpu\/types\/.*)\.d\.ts$/gm);
  return files.map((file) => readFileSync(file, 'utf8'));
}

/** Modules and plain scripts alike resolve such an import against their own address. */
const filesApart = {
  name: 'files apart',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\./ }, ({ kind, path }) => {
      if (kind !== 'dynamic-import') return undefined;
      const file = APART[path.replace(/^.*\//, '')]?.file;
      return file ? { path: `./${file}`, external: true } : { errors: [{ text: `${path} is no file apart` }] };
    }),
};

async function bundled(entry, plugins = [filesApart]) {
  const { outputFiles } = await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: [join(ROOT, entry)],
    bundle: true,
    minifySyntax: true,
    format: 'esm',
    target: 'es2022',
    sourcemap: true,
    outfile: 'dist/module.js',
    // The kernels first: between the modules they would be more than gzip's window apart from what resembles them.
    inject: entry === 'src/index.ts' ? ['src/kernels/manifest.generated.ts'] : [],
    plugins: [minifiedKernels(), ...plugins],
    write: false,
    logLevel: 'warning',
  });
  const [map, code] = outputFiles.map(({ text }) => text);
  return { code, map };
}

/** By terser, whose result is 4 % smaller gzipped than esbuild's own minifier's. */
async function minified({ code, map }, { regex, reserved, cache }, unsafe = false) {
  const nameCache = { props: cache.props };
  const result = await minify(code, {
    nameCache,
    module: true,
    ecma: 2020,
    // Level 1: functions with parameters, inlined, make a shorter text that gzips 33 bytes longer.
    compress: {
      passes: 6,
      inline: 1,
      lhs_constants: false,
      unsafe,
      unsafe_arrows: true,
      pure_getters: true,
    },
    mangle: { properties: { regex, reserved } },
    sourceMap: { content: map, asObject: true },
  });
  cache.props = nameCache.props;
  return result;
}

/** A module without imports as a script of one expression, its first line apart so that the source map still fits. */
function plainScript({ code: module, map }) {
  const script = module.replace(/export\{([^}]+)\};?$/, (_, list) => {
    const entries = list.split(',').map((item) => item.split(' as '));
    return `return{${entries.map(([local, name = local]) => `${name}:${local}`).join()}}`;
  });
  if (script === module) throw new Error('the bundle does not end with its exports');
  const code = `"use strict";var DenseNetWebGPU=(()=>{\n${script}})();`;
  return { code, map: { ...map, mappings: `;${map.mappings}` } };
}

function emit(file, { code, map }) {
  writeFileSync(join(ROOT, 'dist', file), `${code}\n//# sourceMappingURL=${file}.map\n`);
  writeFileSync(join(ROOT, 'dist', `${file}.map`), JSON.stringify({ ...map, file }));
}

/**
 * protobufjs does without the package `long`, and then gives numbers, which is what the importer wants. With it the
 * demo's worker would try to compile WebAssembly, which its Content-Security-Policy refuses and the console reports.
 */
const withoutLong = {
  name: 'without long',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^long$/ }, () => ({ path: 'long', namespace: 'absent' }));
    onLoad({ filter: /^long$/, namespace: 'absent' }, () => ({ contents: 'module.exports = null;' }));
  },
};

async function commandLine() {
  const { metafile } = await esbuild.build({
    metafile: true,
    absWorkingDir: ROOT,
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
    plugins: [withoutLong],
    logLevel: 'warning',
  });
  return metafile;
}

/** The demo page → dist/demo; it imports the built package, as its readers would. */
async function demo() {
  const { metafile } = await esbuild.build({
    metafile: true,
    absWorkingDir: ROOT,
    entryPoints: ['demo/demo.ts', 'demo/import-worker.ts'],
    // A chunk for each format: the importer fetches the decoder of the file that came.
    splitting: true,
    chunkNames: '[name]-[hash]',
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    alias: { 'densenet-webgpu': '/dist/densenet-webgpu.js' },
    external: ['/dist/*'],
    plugins: [withoutLong],
    outdir: 'dist/demo',
    logLevel: 'warning',
  });
  for (const file of ['index.html', 'demo.css', 'charts.css', 'icon.svg'])
    copyFileSync(join(ROOT, 'demo', file), join(ROOT, 'dist/demo', file));
  return metafile;
}

/** Writes the declarations, or does what else the compiler is asked. */
function compile(...options) {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const stdio = ['inherit', 'pipe', 'inherit'];
  return execFileSync(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.build.json'), ...options], {
    encoding: 'utf8',
    stdio,
  });
}

function sizeReport() {
  const bundles = ['densenet-webgpu.js', 'densenet-webgpu.iife.js'].map((file) => [file, GZIP_BUDGET]);
  const apart = Object.values(APART).map(({ file }) => [file, Infinity]);
  for (const [file, budget] of [...bundles, ...apart]) {
    const bytes = readFileSync(join(ROOT, 'dist', file));
    const gzip = gzipSync(bytes, { level: 9 }).length;
    console.log(`${file.padEnd(31)} ${String(bytes.length).padStart(7)} B, gzip ${String(gzip).padStart(6)} B`);
    if (gzip > budget) throw new Error(`${file} is over its budget of ${budget} B gzipped`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const kernels = writeManifest();
  if (process.argv[2] !== 'manifest') {
    rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
    mkdirSync(join(ROOT, 'dist'));
    compile();
    await bundle();
    console.log(`${kernels} kernels`);
    sizeReport();
  }
}
