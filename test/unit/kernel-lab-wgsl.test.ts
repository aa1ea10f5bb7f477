/** How often a kernel's loops turn: from its text, its constants, what it is given and where in the dispatch it is. */
import { describe, expect, it } from 'vitest';
import { type Loop, loopsAt, loopsOf } from '../../src/bench/kernels/wgsl-loops.js';
import { type Given, WgslModule } from '../../src/bench/kernels/wgsl-module.js';
import { FIRST, type Place, places } from '../../src/bench/kernels/wgsl-place.js';

const HEAD = `
struct Params { inQuads: u32, pixels: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> dst: array<vec4f>;
const TILE = 2u;
override WORKGROUP: u32 = 64u;
override SLICES: u32 = 4u;
`;
const ENTRY = `fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
)`;

interface Kernel {
  readonly constants?: Record<string, number>;
  readonly before?: string;
  readonly size?: string;
}

function moduleOf(body: string, { constants = {}, before = '', size = 'WORKGROUP' }: Kernel = {}): WgslModule {
  return new WgslModule({ code: `${HEAD}${before}@compute @workgroup_size(${size}) ${ENTRY} { ${body} }`, constants });
}
/** Of the first wave, or of another. */
const turnsIn = (body: string, given: Given = {}, kernel: Kernel = {}, place: Place = FIRST) =>
  shape(loopsAt(moduleOf(body, kernel), given, place));
const shape = (loops: readonly Loop[]): unknown =>
  loops.map(({ turns, fixed, loops: inner }) => [turns, fixed, shape(inner)]);

describe('the loops of a text', () => {
  it('turn as often as constants, overrides and parameters say', () => {
    const body = `
      for (var n = 0u; n < TILE; n++) { dst[n] = vec4f(); }
      for (var q = 0u; q < params.inQuads; q += 3u) {
        for (var m = 0u; m < 2u * TILE; m++) { dst[m] += vec4f(f32(q)); }
      }`;
    expect(turnsIn(body, { params: { inQuads: 10 } })).toEqual([
      [2, true, []],
      [4, false, [[4, true, []]]],
    ]);
    expect(moduleOf(body, { constants: { WORKGROUP: 32 }, size: 'WORKGROUP, SLICES' }).entry.size).toEqual([32, 4, 1]);
  });

  it('of overrides with numbers take the values given by number', () => {
    const kernel = { before: '@id(7) override COUNT: u32;', constants: { '7': 3 } };
    expect(turnsIn('for (var i = 0u; i < COUNT; i++) { dst[i] = vec4f(); }', {}, kernel)).toEqual([[3, true, []]]);
  });

  it('turn by the mean of the outer turns, where the inner end with what is left', () => {
    const body = `
      for (var first = 0u; first < params.inQuads; first += 4u) {
        let end = min(first + 4u, params.inQuads);
        for (var q = first; q < end; q++) { dst[q] = vec4f(); }
      }`;
    expect(turnsIn(body, { params: { inQuads: 10 } })).toEqual([[3, false, [[10 / 3, false, []]]]]);
  });

  it('of a function are where it is called, with its arguments; both branches count', () => {
    const before =
      'fn add(count: u32) -> f32 { var s = 0.0; for (var i = 0u; i < count; i++) { s += 1.0; } return s; }';
    const body = 'if (lane > 3u) { dst[0].x = add(params.inQuads); } else { dst[1].x = add(TILE); }';
    expect(turnsIn(body, { params: { inQuads: 7 } }, { before })).toEqual([
      [7, false, []],
      [2, true, []],
    ]);
  });

  it('turn as often as what a function returns', () => {
    const before =
      'fn turnsOf(quads: u32, split: u32) -> u32 { let all = quads + SLICES - 1u; return (all - split) / SLICES; }';
    const body = 'var turns = turnsOf(params.inQuads, local.y); for (var i = turns; i > 0u; i--) { dst[i] = vec4f(); }';
    const kernel = { before, size: 'WORKGROUP, SLICES' };
    const given = { params: { inQuads: 10 } };
    expect(turnsIn(body, given, kernel)).toEqual([[3, false, []]]);
    expect(turnsIn(body, given, kernel, { ...FIRST, lane: 192, lanes: 64 })).toEqual([[2, false, []]]);
  });

  it('are unknown where nothing says how long they are', () => {
    const body = `
      let end = u32(dst[0].x);
      for (var i = 0u; i < end; i++) { dst[i] = vec4f(); }
      for (var i = 0u; i < params.absent; i++) { dst[i] = vec4f(); }
      for (var i = 0u; i < 8u; i += lane) { dst[i] = vec4f(); }
      while (dst[0].x > 0.0) { dst[0].x -= 1.0; }
      var n = 0u;
      for (var i = 0u; n < 8u; i++) { n = u32(dst[i].x); }`;
    expect(turnsIn(body)).toEqual(Array.from({ length: 5 }, () => [undefined, expect.any(Boolean), []]));
  });

  it('begin with those that zero workgroup memory larger than the workgroup', () => {
    const before = 'var<workgroup> tile: array<array<vec4f, 8>, 32>; var<workgroup> sums: array<f32, 64>;';
    expect(turnsIn('tile[0][0] = vec4f(); sums[0] = 1.0;', {}, { before })).toEqual([[4, true, []]]);
  });

  it('zero workgroup memory whose length an override gives', () => {
    const before = 'var<workgroup> tile: array<f32, WORKGROUP * ROWS>; override ROWS = TILE;';
    const zeroed = (constants: Record<string, number>) => turnsIn('tile[0] = 1.0;', {}, { before, constants });
    expect(zeroed({})).toEqual([[2, true, []]]);
    expect(zeroed({ ROWS: 5 })).toEqual([[5, true, []]]);
  });

  it('of `for` may end by a counter that the body changes, and are unknown where only a branch of it does', () => {
    const body = `
      var left = params.inQuads;
      for (var i = 0u; left > 1u; i++) { left = (left + 1u) / 2u; }
      var n = 0u;
      for (var i = 0u; n < 8u; i++) { if (dst[i].x > 0.0) { n += 1u; } }`;
    expect(turnsIn(body, { params: { inQuads: 10 } })).toEqual([
      [4, false, []],
      [undefined, true, []],
    ]);
  });

  it('are refused in a text that is no WGSL, and without the entry point', () => {
    expect(() => new WgslModule({ code: 'fn main() { # }', constants: {} })).toThrow(
      /no WGSL that wgsl_reflect understands: Invalid syntax at line 1/,
    );
    const unknownEnd = 'fn main() {} interface Shape {}';
    expect(() => new WgslModule({ label: 'conv', code: unknownEnd, constants: {} })).toThrow(
      /^conv is no WGSL that wgsl_reflect understands: it stops at interface Shape/,
    );
    expect(() => new WgslModule({ code: 'fn main() {}', entryPoint: 'other', constants: {} }).entry).toThrow(
      /no entry point other/,
    );
  });
});

describe('loops that a counter ends', () => {
  const given = { params: { inQuads: 10 } };

  it('of `while` count down, with inner loops over what is left', () => {
    const body = `
      var turns = params.inQuads;
      while (turns > 0u) {
        let part = min(turns, 4u);
        for (var left = part; left > 0u; left--) { dst[left] = vec4f(); }
        turns -= part;
      }`;
    expect(turnsIn(body, given)).toEqual([[3, false, [[10 / 3, false, []]]]]);
  });

  it.each([
    ['at the end', 'var i = 0u; loop { dst[i] = vec4f(); i += 2u; if (!(i < params.inQuads)) { break; } }', 5],
    ['at the start', 'var i = 0u; loop { if (i >= params.inQuads) { break; } dst[i] = vec4f(); i += 3u; }', 4],
    ['in `continuing`', 'var i = 0u; loop { dst[i] = vec4f(); continuing { i++; break if i >= params.inQuads; } }', 10],
    [
      'by a value made from it',
      'var i = 0u; loop { let next = i + 4u; i = next; if (next > params.inQuads) { break; } }',
      3,
    ],
  ])('of `loop` leave %s', (_, body, turns) => {
    expect(turnsIn(body, given)).toEqual([[turns, false, []]]);
  });

  it('are unknown without a way out at their top level', () => {
    expect(turnsIn('loop { if (dst[0].x > 1.0) { if (dst[1].x > 1.0) { break; } } }')).toEqual([
      [undefined, false, []],
    ]);
  });
});

describe('a place in a dispatch', () => {
  it('decides where lanes share work out: the mean over all waves counts', () => {
    const body = 'for (var q = local.y; q < params.inQuads; q += SLICES) { dst[q] = vec4f(); }';
    const module = moduleOf(body, { size: 'WORKGROUP, SLICES' });
    // Slices of 3, 3, 2 and 2 turns, each a wave of its own.
    expect(shape(loopsOf(module, { params: { inQuads: 10 } }, [5, 1, 1], 64))).toEqual([[2.5, false, []]]);
    expect(shape(loopsOf(module, { params: { inQuads: 12 } }, [5, 1, 1], 64))).toEqual([[3, false, []]]);
  });

  it('decides where workgroups do: inner loops count as often as the outer turn', () => {
    const body = `
      for (var at = group.x * WORKGROUP + lane; at < params.pixels; at += groups.x * WORKGROUP) {
        for (var n = at / WORKGROUP; n < 2u; n++) { dst[at] = vec4f(); }
      }`;
    // Of four workgroups the first two turn once, with two and one turns in it.
    expect(shape(loopsOf(moduleOf(body), { params: { pixels: 128 } }, [4, 1, 1], 64))).toEqual([
      [0.5, false, [[1.5, false, []]]],
    ]);
  });

  it('is known to a struct of builtins, too', () => {
    const code = `${HEAD}
      struct Input { @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32 }
      @compute @workgroup_size(64) fn main(input: Input) {
        for (var q = input.group.x + input.lane; q < 8u; q++) { dst[q] = vec4f(); }
      }`;
    const place = { ...FIRST, group: [2, 0, 0], lane: 3 } as const;
    expect(shape(loopsAt(new WgslModule({ code, constants: {} }), {}, place))).toEqual([[3, false, []]]);
  });

  it('beyond the work returns, and no loop behind turns', () => {
    const body = `
      let pixel = group.x * WORKGROUP + lane;
      if (pixel >= params.pixels) { return; }
      for (var i = 0u; i < params.inQuads; i++) { dst[i] = vec4f(); }`;
    const given = { params: { pixels: 65, inQuads: 6 } };
    expect(shape(loopsOf(moduleOf(body), given, [4, 1, 1], 64))).toEqual([[3, false, []]]);
  });

  it('is one of at most 24, spread evenly', () => {
    const few = places([2, 1, 1], [32, 4, 1], 64);
    expect(few.map(({ group, lane }) => [group[0], lane])).toEqual([
      [0, 0],
      [0, 64],
      [1, 0],
      [1, 64],
    ]);
    const many = places([100, 10, 1], [64, 1, 1], 64);
    expect(many).toHaveLength(24);
    expect(many.at(-1)?.group).toEqual([58, 9, 0]);
  });
});

describe('recorded uniform buffers', () => {
  const before = `
    struct Shape { first: f32, size: vec3<i32>, after: u32, list: array<vec4f, 2>, @align(16) last: vec2u, half: vec2<f16> }
    @group(1) @binding(3) var<uniform> given: Shape;`;
  const words = [0x40000000, 0, 0, 0, 5, -6, 7, 8, ...Array.from({ length: 8 }, () => 0), 11, 12, 0, 0];

  it('give their fields to the text, at the places that the language says', () => {
    const turns = (limit: string) =>
      turnsIn(`for (var i = 0; i < ${limit}; i++) { dst[i] = vec4f(); }`, { uniforms: { '1,3': words } }, { before });
    expect(turns('i32(given.first)')).toEqual([[2, false, []]]);
    expect(turns('given.size.x')).toEqual([[5, false, []]]);
    expect(turns('given.size[2]')).toEqual([[7, false, []]]);
    expect(turns('-given.size.y')).toEqual([[6, false, []]]);
    expect(turns('i32(given.after)')).toEqual([[8, false, []]]);
    expect(turns('i32((given.after - 1u) / 2u)')).toEqual([[3, false, []]]);
    expect(turns('i32(given.last.y)')).toEqual([[12, false, []]]);
    expect(turns('i32(given.half.x)')).toEqual([[undefined, false, []]]);
    expect(turns('(given.size.xz + vec2(1, 1)).y')).toEqual([[8, false, []]]);
  });

  it('are unknown where they were not recorded', () => {
    expect(turnsIn('for (var i = 0; i < given.size.x; i++) { dst[i] = vec4f(); }', {}, { before })).toEqual([
      [undefined, false, []],
    ]);
  });
});
