/**
 * The arena planner: where every intermediate result lives, before any GPU object exists.
 *
 * WebGPU lets no dispatch read one range of a buffer read-only and write another, so the arena is two banks (one buffer
 * each): every step reads one and writes the other. Inside a bank, regions whose lifetimes meet get disjoint ranges;
 * the others share.
 */

import { alignUp } from '../core/align.js';
import { assertDefined } from '../core/assert.js';

export type Bank = 0 | 1;

/** A WebGPU storage binding must start at a multiple of this (the default `minStorageBufferOffsetAlignment`). */
export const BINDING_ALIGNMENT = 256;

/** Something that must be stored from step `first` to step `last`, both inclusive. */
export interface Demand {
  readonly name: string;
  readonly bank: Bank;
  /** What the data itself needs, for the lower bound. */
  readonly usefulBytes: number;
  /** What is set aside: aligned planes and whole quads. */
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

export interface Region extends Demand {
  /** Byte offset in its bank, a multiple of {@link BINDING_ALIGNMENT}. */
  readonly offset: number;
}

export interface Arena {
  readonly regions: readonly Region[];
  readonly bankBytes: readonly [number, number];
  /** Both banks. */
  readonly bytes: number;
  /** The largest sum of useful bytes alive at one step: no planner can do with less. */
  readonly lowerBoundBytes: number;
}

/** Largest first, each at the lowest offset that is free during its whole lifetime (greedy by size). */
export function planArena(demands: readonly Demand[]): Arena {
  const placed: Region[] = [];
  const order = [...demands].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  for (const demand of order) placed.push({ ...demand, offset: lowestFree(demand, placed) });
  const bankBytes = [extent(placed, 0), extent(placed, 1)] as const;
  return {
    regions: demands.map(({ name }) => regionNamed(placed, name)),
    bankBytes,
    bytes: bankBytes[0] + bankBytes[1],
    lowerBoundBytes: lowerBound(demands),
  };
}

const meet = (a: Demand, b: Demand): boolean => a.bank === b.bank && a.first <= b.last && b.first <= a.last;

function lowestFree(demand: Demand, placed: readonly Region[]): number {
  const inTheWay = placed.filter((region) => meet(region, demand)).sort((a, b) => a.offset - b.offset);
  let offset = 0;
  for (const region of inTheWay) {
    if (offset + demand.bytes <= region.offset) break;
    offset = Math.max(offset, alignUp(region.offset + region.bytes, BINDING_ALIGNMENT));
  }
  return offset;
}

function extent(regions: readonly Region[], bank: Bank): number {
  const ends = regions.filter((region) => region.bank === bank).map((region) => region.offset + region.bytes);
  return alignUp(Math.max(0, ...ends), BINDING_ALIGNMENT);
}

function lowerBound(demands: readonly Demand[]): number {
  const steps = new Set(demands.map((demand) => demand.first));
  const alive = (step: number) => demands.filter((d) => d.first <= step && step <= d.last);
  return Math.max(0, ...[...steps].map((step) => alive(step).reduce((sum, d) => sum + d.usefulBytes, 0)));
}

export const regionNamed = (regions: readonly Region[], name: string): Region =>
  assertDefined(
    regions.find((region) => region.name === name),
    name,
  );
