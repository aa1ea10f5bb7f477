/** What a page with the peer's WebGPU backend downloads: the operations it uses and no more. */
import '@tensorflow/tfjs-backend-webgpu';
import type { TfLibrary } from '../../src/bench/peer.js';
import { library } from './tfjs-operations.js';

export const open = (): TfLibrary => library;
