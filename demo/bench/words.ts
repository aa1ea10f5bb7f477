/** Results in words. Pure functions. */
import { type PeerName, peerRow } from '../../src/bench/peer.js';
import { isSoftware } from '../adapter.js';

/** Closer than this share to ours counts as equal: readings differ by as much from run to run. */
const EQUAL = 0.05;

/** A peer's time in comparison with ours. @param ratio its time over ours */
export function comparison(ratio: number): string {
  if (Math.abs(ratio - 1) <= EQUAL) return 'as fast as ours';
  return ratio > 1 ? `${factor(ratio)} × slower than ours` : `${factor(1 / ratio)} × faster than ours`;
}

const factor = (value: number): string => value.toFixed(value < 10 ? 1 : 0);

/** Milliseconds below a second, seconds from there on. */
export function duration(milliseconds: number): string {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
  return `${milliseconds.toFixed(milliseconds < 100 ? 1 : 0)} ms`;
}

export type Place = 'GPU' | 'software GPU' | 'CPU';

/** Where a peer computes. @param adapter what WebGPU ran on; null when it is not known */
export function placeOf(name: PeerName, adapter: string | null): Place {
  if (peerRow(name).runsOn === 'cpu') return 'CPU';
  return adapter !== null && isSoftware(adapter) ? 'software GPU' : 'GPU';
}

/** What ran where, in one sentence. */
export function describePlaces(names: readonly PeerName[], adapter: string | null): string {
  const onCpu = names.some((name) => placeOf(name, adapter) === 'CPU') ? ' WebAssembly ran on the CPU.' : '';
  if (adapter === null) return `The browser does not name the GPU that WebGPU ran on.${onCpu}`;
  if (!isSoftware(adapter)) return `WebGPU ran on the GPU "${adapter}".${onCpu}`;
  return `WebGPU ran on "${adapter}", which is software: no GPU was measured.${onCpu}`;
}
