/** What a page with the peer's WebAssembly backend downloads, besides the .wasm files in `wasmFolder`. */
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import type { TfLibrary } from '../../src/bench/peer.js';
import { library } from './tfjs-operations.js';

export function open(wasmFolder: string, threads: number): TfLibrary {
  setWasmPaths(wasmFolder);
  setThreadsCount(threads);
  return library;
}
