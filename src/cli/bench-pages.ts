/** Where the bench's pages and the peers' libraries are, and what these must be allowed to do. */
import { join } from 'node:path';
import { PACKAGE } from './files.js';

/** What the peers need and the demo's policy forbids: WebAssembly, workers from blobs, generated code. */
export const BENCH_CSP = [
  "default-src 'self' blob: data:",
  "script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval' blob:",
  "worker-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "object-src 'none'",
  "base-uri 'none'",
].join('; ');

/** URL prefix → folder. */
export const BENCH_FOLDERS: Readonly<Record<string, string>> = {
  '/bench/': join(PACKAGE, 'dist/demo/bench'),
  '/bench/ort/': join(PACKAGE, 'node_modules/onnxruntime-web/dist'),
  '/bench/tfjs/': join(PACKAGE, 'node_modules/@tensorflow/tfjs-backend-wasm/dist'),
  '/dist/': join(PACKAGE, 'dist'),
};
