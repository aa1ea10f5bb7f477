/**
 * The benchmark's pages → dist/demo/bench. The peers' libraries are their own published files where there are any
 * (ONNX Runtime), else bundled and minified as their users would (TensorFlow.js).
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HERE = fileURLToPath(new URL('.', import.meta.url));
const OUT = join(ROOT, 'dist/demo/bench');

/** TensorFlow.js's WebAssembly loader names Node's modules, which it never reaches in a browser. */
const NODE_ONLY = ['fs', 'path', 'worker_threads', 'perf_hooks', 'os', 'util', 'crypto', 'url', 'ws'];

export async function buildBench() {
  mkdirSync(OUT, { recursive: true });
  await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: ['page.ts', 'peer.ts', 'tfjs-webgpu.ts', 'tfjs-wasm.ts'].map((file) => join(HERE, file)),
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    external: NODE_ONLY,
    outdir: OUT,
    logLevel: 'error',
  });
  for (const file of ['peer.html', 'bench.css']) copyFileSync(join(HERE, file), join(OUT, file));
  copyFileSync(join(ROOT, 'demo/bench.html'), join(ROOT, 'dist/demo/bench.html'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildBench();
