/**
 * No kernel races: wgsl_reflect's interpreter runs a small workgroup of each in lockstep and reports every byte that two
 * invocations touch, one of them writing, without a barrier between.
 */
import { describe, expect, it } from 'vitest';
import { detectRaces } from 'wgsl_reflect/wgsl_reflect.module.js';
import { PARTS } from '../../src/kernels/manifest.generated.js';
import { kernelSource } from '../../src/kernels/source.js';
import type { PartName } from '../../src/kernels/variants.js';
import { F32 } from './cases.js';
import { kernelNames } from './planned.js';

type Binding = Float32Array | Uint32Array;

interface Dispatch {
  readonly tile: Readonly<Record<string, number>>;
  readonly parts?: readonly PartName[];
  /** In order of binding, the parameters last. */
  readonly bindings: readonly Binding[];
  readonly params: readonly number[] | null;
  readonly change?: (source: string) => string;
}

const floats = (count: number): Float32Array => new Float32Array(count);

/**
 * Four invocations for sixty-four, so that the interpreter is quick, and two of its defects avoided: it evaluates both
 * sides of an &&, and so reads behind the array's end; and it copies structures wrongly, so candidates become vectors.
 */
const forInterpreter = (source: string): string =>
  source
    .replaceAll('64u', '4u')
    .replace('workgroup_size(64)', 'workgroup_size(4)')
    .replaceAll(', 64>', ', 8>')
    .replace(/struct Candidate \{[^}]*\}/, 'alias Candidate = vec2f;')
    .replace('0xffffffffu', '1e9')
    .replaceAll('.index', '.x')
    .replaceAll('.score', '.y')
    .replace('Candidate(o,', 'Candidate(f32(o),');

const WORKGROUP = 4;

/**
 * Where the splits of a convolution meet, by itself: behind a barrier in a function the interpreter mixes up what its caller
 * has declared. The rest of the text shares nothing, with splits or without.
 */
const SPLIT_K = `
  const WORKGROUP = ${WORKGROUP}u;
  const SPLIT_K = 2u;
  const SUMS = 4u;
  alias Sum = vec4f;
  fn floatsOf(sum: Sum) -> vec4f { return sum; }
  ${PARTS.split_k.source.replace('subgroupBroadcastFirst(local.y)', 'local.y')}
  @group(0) @binding(0) var<storage, read_write> dst: array<vec4f>;
  @compute @workgroup_size(WORKGROUP, SPLIT_K)
  fn main(@builtin(local_invocation_id) local: vec3u) {
    var sums: array<Sum, SUMS>;
    for (var k = 0u; k < SUMS; k += SPLIT_K) {
      dst[(k + local.y) * WORKGROUP + local.x] = totalOf(&sums, k, local);
    }
  }`;

const TILE = { TILE_PIXELS: 2, TILE_QUADS: 2, WORKGROUP, SPLIT_K: 1 };
const ALONE = ['products_f32', 'weights_alone', 'norm_alone', 'whole_k'] as const;

/** Each kernel at about 4×4 pixels, so that every invocation of its one workgroup has work. */
const DISPATCHES = {
  pack: { tile: {}, bindings: [floats(12), floats(64)], params: [2, 2, 1, 3, 16] },
  stem: {
    tile: { KERNEL: 3, STRIDE: 1, CHANNELS: 3, TILE_PIXELS: 2, TILE_QUADS: 2, WORKGROUP },
    parts: ['tap_alone'],
    bindings: [floats(256), floats(512), floats(8), floats(128)],
    params: [4, 2, 2, 4, 6, 4, 24, 16, 1, 2, 0],
  },
  maxpool: { tile: {}, bindings: [floats(64), floats(16)], params: [4, 2, 2, 4, 4, 16, 4] },
  conv1x1: {
    tile: TILE,
    parts: ALONE,
    bindings: [floats(32), floats(32), floats(8), floats(8), floats(192)],
    params: [8, 2, 4, 8, 24, 1, 2, 24],
  },
  conv3x3: {
    tile: TILE,
    parts: [...ALONE, 'bordered'],
    bindings: [floats(96), floats(288), floats(8), floats(8), floats(64)],
    params: [4, 2, 2, 4, 6, 2, 0, 24, 8, 1, 2],
  },
  transition: {
    tile: TILE,
    parts: ALONE,
    bindings: [floats(128), floats(32), floats(8), floats(8), floats(64)],
    params: [8, 4, 2, 8, 4, 32, 8, 1, 2],
  },
  'split-K': { tile: {}, bindings: [floats(64)], params: null, change: () => SPLIT_K },
  normalize: { tile: {}, bindings: [floats(16), floats(8), floats(16)], params: [4, 4, 4, 0] },
  pool: { tile: {}, bindings: [floats(160), floats(8), floats(8)], params: [40, 1, 40, 2, 0] },
  linear: { tile: {}, bindings: [floats(8), floats(128), floats(16), floats(16)], params: [2, 4, 1] },
  scores: {
    tile: {},
    // An order in which every step of the reductions stores, in the interpreter too.
    bindings: [Float32Array.from([9, 8, 1, 0, 4, 5, 0, 0]), floats(8), floats(8)],
    params: [6, 8, 2, 0],
    change: forInterpreter,
  },
  cam: {
    tile: {},
    bindings: [floats(16), floats(4), floats(8), floats(4)],
    params: [4, 1, 4, 0],
  },
  gradient: {
    tile: {},
    bindings: [floats(128), floats(16), floats(8), new Uint32Array(1), floats(8)],
    params: [2, 4, 1, 0],
  },
} satisfies Record<string, Dispatch>;

type Name = keyof typeof DISPATCHES;
const NAMES = Object.keys(DISPATCHES).filter((name): name is Name => name in DISPATCHES);

const sourceOf = (name: Name): string => {
  const { tile, parts = [], change = (source) => source }: Dispatch = DISPATCHES[name];
  const kernel = kernelNames.find((each) => each === name);
  const source = kernel ? kernelSource(kernel, { tile, parts, overrides: {} }, F32) : '';
  return change(source.replace('WORKGROUP: u32 = 64u', `WORKGROUP: u32 = ${WORKGROUP}u`));
};

/** How many conflicting pairs of accesses the text has, run on this kernel's buffers. */
function races(name: Name, source: string): number {
  const { bindings, params }: Dispatch = DISPATCHES[name];
  const uniform = params ? [{ uniform: new Uint32Array(params) }] : [];
  const content = [...bindings.map((data) => data.slice()), ...uniform];
  const bound = Object.fromEntries(content.map((data, binding) => [binding, data]));
  const result = detectRaces(source, 'main', [1, 1, 1], { 0: bound });
  expect(result.errors).toEqual([]);
  return result.races.length;
}

const BARRIER = 'workgroupBarrier();';

/** The text without its nth barrier. */
function withoutBarrier(source: string, index: number): string {
  const parts = source.split(BARRIER);
  return `${parts.slice(0, index + 1).join(BARRIER)}${parts.slice(index + 1).join(BARRIER)}`;
}

describe('no kernel races', () => {
  it.each(NAMES)('%s', (name) => {
    expect(races(name, sourceOf(name))).toBe(0);
  });
});

describe('the detector sees', () => {
  it.each(NAMES.filter((name) => sourceOf(name).includes(BARRIER)))('each barrier that %s lacks', (name) => {
    const source = sourceOf(name);
    const barriers = source.split(BARRIER).length - 1;
    const unneeded = Array.from({ length: barriers }, (_, i) => i).filter(
      (i) => races(name, withoutBarrier(source, i)) === 0,
    );
    // scores: the sum's scratch is used once, so the barrier that guards its reuse has nothing to guard yet.
    expect(unneeded).toEqual(name === 'scores' ? [2] : []);
  });

  it.each([
    ['maxpool', 'params.dstPlane + pixel', 'params.dstPlane + pixel / 2u'],
    ['conv1x1', /(let pixel = firstPixel \+ \du) \* WORKGROUP/g, '$1'],
    // The border that a block's first layer clears reaches into the map.
    ['conv1x1', 'column <= params.width', 'column < params.width'],
    ['conv3x3', 'let x0 = tile % params.tilesX * TILE_PIXELS', 'let x0 = tile % params.tilesX'],
  ] as const)('in %s two invocations that store to the same pixel: %s → %s', (name, from, to) => {
    const source = sourceOf(name).replace(from, to);
    expect(source).not.toBe(sourceOf(name));
    expect(races(name, source)).toBeGreaterThan(0);
  });
});
