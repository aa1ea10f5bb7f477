/**
 * The build: shaders → kernel manifest → bundles → type declarations → sizes.
 *
 *   node build.mjs             everything, to dist/
 *   node build.mjs manifest    the kernel manifest only, which type checking and unit tests need
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import { writeDeclarations } from './build/declarations.mjs';
import { writeManifests } from './build/kernels.mjs';
import { notices } from './build/notices.mjs';

process.chdir(dirname(fileURLToPath(import.meta.url)));

/** What a page downloads at most besides its model, gzipped: the whole library in one file. */
const GZIP_BUDGET = 64 * 1024;

/** Packages that the command line loads when a command needs them. */
const CLI_EXTERNAL = [
  'puppeteer-core',
  'sharp',
  'webgpu',
  'onnxruntime-node',
  'onnxruntime-web',
  '@tensorflow/*',
  '@jax-js/jax',
  'wgsl_reflect',
];

/**
 * protobufjs works without the package `long`, and then gives numbers, which the importers want. With it a page would
 * try to compile WebAssembly, which a strict Content-Security-Policy refuses.
 */
const withoutLong = {
  name: 'without long',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^long$/ }, () => ({ path: 'long', namespace: 'absent' }));
    onLoad({ filter: /^long$/, namespace: 'absent' }, () => ({ contents: 'module.exports = null;' }));
  },
};

const bundle = (options) =>
  esbuild.build({ bundle: true, format: 'esm', target: 'es2022', metafile: true, logLevel: 'warning', ...options });
const library = { minify: true, sourcemap: true };
/** Without a map, which would be as large as the module's. */
const script = { format: 'iife', globalName: 'DenseNetWebGPU', sourcemap: false };
const cli = {
  platform: 'node',
  target: 'node20',
  splitting: true,
  chunkNames: '[name]-[hash]',
  external: CLI_EXTERNAL,
};
const DIST = {
  'densenet-webgpu/import': '/dist/densenet-webgpu.import.js',
  'densenet-webgpu': '/dist/densenet-webgpu.js',
};
const page = { minify: true, alias: DIST, external: ['/dist/*'] };
/** TensorFlow.js's WebAssembly loader names Node's modules, which it never reaches in a browser. */
const NODE_ONLY = ['fs', 'path', 'worker_threads', 'perf_hooks', 'os', 'util', 'crypto', 'url', 'ws'];

async function bundleAll() {
  const module = { entryPoints: ['src/index.ts'], ...library };
  const results = await Promise.all([
    bundle({ ...module, outfile: 'dist/densenet-webgpu.js' }),
    bundle({ ...module, ...script, outfile: 'dist/densenet-webgpu.iife.js' }),
    bundle({
      ...library,
      entryPoints: ['src/import/index.ts'],
      outfile: 'dist/densenet-webgpu.import.js',
      plugins: [withoutLong],
    }),
    bundle({ ...cli, entryPoints: ['src/cli/main.ts'], outdir: 'dist/cli', plugins: [withoutLong], banner: SHEBANG }),
    bundle({ ...cli, entryPoints: ['src/bench/main.ts'], outdir: 'dist/bench', plugins: [withoutLong] }),
    bundle({ ...page, entryPoints: ['demo/demo.ts', 'demo/import-worker.ts'], outdir: 'dist/demo' }),
  ]);
  await bundle({
    entryPoints: ['page', 'peer', 'pictures', 'tfjs-webgpu', 'tfjs-wasm'].map((name) => `demo/bench/${name}.ts`),
    ...{ outdir: 'dist/demo/bench', minify: true, external: NODE_ONLY, logLevel: 'error' },
  });
  const into = { outdir: 'dist/demo/bench', minify: true, splitting: true };
  if (isInstalled('@litertjs/core'))
    await bundle({ entryPoints: { litert: '@litertjs/core' }, ...into, chunkNames: 'litert-[hash]' });
  // Its backends are chunks: a page downloads those that it starts.
  if (isInstalled('@jax-js/jax'))
    await bundle({ entryPoints: ['demo/bench/jax.ts'], ...into, chunkNames: 'jax-[hash]' });
  const pages = [
    'index.html',
    'bench.html',
    'demo.css',
    'panels.css',
    'charts.css',
    'icon.svg',
    'icon-512.png',
    'manifest.json',
    'service-worker.js',
    'bench/peer.html',
    'bench/bench.css',
  ];
  for (const file of pages) copyFileSync(`demo/${file}`, `dist/demo/${file}`);
  writeFileSync('dist/densenet-webgpu.whole.js', "export * from './densenet-webgpu.js';\n");
  const licenses = notices(
    '.',
    results.map(({ metafile }) => metafile),
  );
  writeFileSync('dist/THIRD-PARTY-LICENSES.txt', licenses);
}

/** The benchmark skips a peer whose package is not. */
const isInstalled = (name) => existsSync(`node_modules/${name}`);

const SHEBANG = { js: '#!/usr/bin/env node' };

function reportSizes() {
  for (const file of ['densenet-webgpu.js', 'densenet-webgpu.iife.js', 'densenet-webgpu.import.js']) {
    const bytes = readFileSync(`dist/${file}`);
    const gzip = gzipSync(bytes, { level: 9 }).length;
    console.log(`${file.padEnd(24)} ${String(bytes.length).padStart(7)} B, gzip ${String(gzip).padStart(6)} B`);
    if (!file.includes('import') && gzip > GZIP_BUDGET)
      throw new Error(`${file} is over its budget of ${GZIP_BUDGET} B gzipped`);
  }
}

const kernels = writeManifests();
if (process.argv[2] !== 'manifest') {
  rmSync('dist', { recursive: true, force: true });
  mkdirSync('dist');
  writeDeclarations();
  await bundleAll();
  console.log(`${kernels} kernels`);
  reportSizes();
}
