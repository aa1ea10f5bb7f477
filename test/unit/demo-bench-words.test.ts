/** The benchmark page in words: slower or faster than ours, and what ran on a GPU. */
import { expect, it } from 'vitest';
import { comparison, describePlaces, duration, placeOf } from '../../demo/bench/words.js';

it.each([
  [46.2, '46 × slower than ours'],
  [1.5, '1.5 × slower than ours'],
  [0.1, '10 × faster than ours'],
  [0.28, '3.6 × faster than ours'],
  [1.04, 'as fast as ours'],
  [0.96, 'as fast as ours'],
])('%d × our time is %s', (ratio, words) => expect(comparison(ratio)).toBe(words));

it.each([
  [0.42, '0.4 ms'],
  [331, '331 ms'],
  [7434, '7.4 s'],
  [58_168, '58 s'],
])('%d ms are written as %s', (time, text) => expect(duration(time)).toBe(text));

it.each([
  ['ours', 'google swiftshader', 'software GPU'],
  ['tfjs-webgpu', 'nvidia ampere', 'GPU'],
  ['ort-wasm-threads', 'nvidia ampere', 'CPU'],
  ['ort-node-cpu', null, 'CPU'],
] as const)('%s on %s runs on a %s', (name, adapter, place) => expect(placeOf(name, adapter)).toBe(place));

it('says when no GPU was measured', () => {
  expect(describePlaces(['ours', 'ort-wasm'], 'llvmpipe')).toBe(
    'WebGPU ran on "llvmpipe", which is software: no GPU was measured. WebAssembly ran on the CPU.',
  );
  expect(describePlaces(['ours'], 'apple metal-3')).toBe('WebGPU ran on the GPU "apple metal-3".');
  expect(describePlaces(['ours'], null)).toBe('The browser does not name the GPU that WebGPU ran on.');
});
