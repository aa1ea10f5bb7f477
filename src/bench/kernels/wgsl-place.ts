/** Where in a dispatch an invocation is, and the builtin values that it sees there. */
import { BUILTIN, type Value } from './wgsl-expression.js';

export type Triple = readonly [x: number, y: number, z: number];

export interface Place {
  /** Of the dispatch. */
  readonly workgroups: Triple;
  readonly group: Triple;
  /** `local_invocation_index` of the first lane of a wave. */
  readonly lane: number;
  /** Lanes of a wave. */
  readonly lanes: number;
}

export const FIRST: Place = { workgroups: [1, 1, 1], group: [0, 0, 0], lane: 0, lanes: 1 };

const volume = ([x, y, z]: Triple): number => x * y * z;

/** The index as a place in a box. */
const placeIn = ([x, y]: Triple, index: number): Triple => [
  index % x,
  Math.floor(index / x) % y,
  Math.floor(index / (x * y)),
];

/** @param name of the builtin; without one the parameter is a struct of them */
export function builtinValue(name: string | undefined, size: Triple, place: Place): Value {
  const { workgroups, group, lane, lanes } = place;
  const local = placeIn(size, lane);
  const vector = (parts: readonly number[]): Value => ({ number: undefined, fixed: false, parts });
  const scalar = (number: number): Value => ({ number, fixed: false });
  switch (name) {
    case 'workgroup_id':
      return vector(group);
    case 'num_workgroups':
      return vector(workgroups);
    case 'local_invocation_id':
      return vector(local);
    case 'global_invocation_id':
      return vector(local.map((at, i) => at + (group[i] ?? 0) * (size[i] ?? 1)));
    case 'local_invocation_index':
      return scalar(lane);
    case 'subgroup_size':
      return scalar(lanes);
    case 'subgroup_id':
      return scalar(Math.floor(lane / lanes));
    case 'subgroup_invocation_id':
      return scalar(0);
    default:
      return BUILTIN;
  }
}

/** The most places that are looked at in one dispatch. */
const MAX_PLACES = 24;

/** Waves spread evenly over a dispatch: all of them where they are few. */
export function places(workgroups: Triple, size: Triple, lanes: number): Place[] {
  const waves = Math.ceil(volume(size) / lanes);
  const all = volume(workgroups) * waves;
  const count = Math.min(all, MAX_PLACES);
  return Array.from({ length: count }, (_, i) => {
    const group = placeIn(workgroups, Math.floor((i * volume(workgroups)) / count));
    return { workgroups, group, lane: (i % waves) * lanes, lanes };
  });
}
