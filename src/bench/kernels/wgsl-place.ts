/** Where in a dispatch an invocation is, and the builtin values that it sees there. */
import * as wgsl from 'wgsl_reflect/wgsl_reflect.module.js';
import { atRunTime, structOf, UNKNOWN, type Value } from './wgsl-expression.js';

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

/** The value of an entry point's parameter: a builtin, or a struct of them. */
export function builtinValue(parameter: wgsl.Argument | wgsl.Member, size: Triple, place: Place): Value {
  const builtin = parameter.attributes?.find(({ name }) => name === 'builtin')?.value;
  if (typeof builtin === 'string') return atRunTime(builtins(size, place)[builtin] ?? []);
  if (!(parameter.type instanceof wgsl.Struct)) return UNKNOWN;
  return structOf(parameter.type.members.map((member) => [member.name, builtinValue(member, size, place)]));
}

function builtins(
  size: Triple,
  { workgroups, group, lane, lanes }: Place,
): Readonly<Record<string, readonly number[]>> {
  const local = placeIn(size, lane);
  return {
    workgroup_id: group,
    num_workgroups: workgroups,
    local_invocation_id: local,
    global_invocation_id: local.map((at, i) => at + (group[i] ?? 0) * (size[i] ?? 1)),
    local_invocation_index: [lane],
    subgroup_size: [lanes],
    subgroup_id: [Math.floor(lane / lanes)],
    subgroup_invocation_id: [0],
  };
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
