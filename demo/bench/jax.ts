/** What a page with jax-js downloads; its backends are chunks, of which it fetches that of WebGPU alone. */
import { defaultDevice, init, jit, lax, nn, numpy } from '@jax-js/jax';
import type { JaxLibrary } from '../../src/bench/peer.js';

export const library: JaxLibrary = { defaultDevice, init, jit, lax, nn, numpy };
