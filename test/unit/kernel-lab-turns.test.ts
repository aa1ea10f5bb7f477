/** How often a kernel's loops turn: from its text and parameters, and matched with the loops that a compiler left. */
import { describe, expect, it } from 'vitest';
import { type Instruction, mixOf, type Region } from '../../src/bench/kernels/program.js';
import { fromNeed, fromText } from '../../src/bench/kernels/turns.js';
import { kernelLoops, type Loop } from '../../src/bench/kernels/wgsl-loops.js';

const HEAD = `
struct Params { inQuads: u32, pixels: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> dst: array<vec4f>;
const TILE = 2u;
override WORKGROUP: u32 = 64u;
override SLICES: u32 = 4u;
`;

const BUILTINS = `@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32`;

function loopsOf(
  body: string,
  { constants = {}, params = {}, before = '', size = 'WORKGROUP', workgroups = [1, 1, 1] } = {},
) {
  const code = `${HEAD}${before}@compute @workgroup_size(${size}) fn main(${BUILTINS}) { ${body} }`;
  const [x = 1, y = 1, z = 1] = workgroups;
  return kernelLoops({ code, constants, params, workgroups: [x, y, z] });
}
const shape = (loops: readonly Loop[]): unknown =>
  loops.map(({ turns, fixed, loops: inner }) => [turns, fixed, shape(inner)]);

describe('the loops of a text', () => {
  it('turn as often as constants, overrides and parameters say', () => {
    const body = `
      for (var n = 0u; n < TILE; n++) { dst[n] = vec4f(); }
      for (var q = 0u; q < params.inQuads; q += 3u) {
        for (var m = 0u; m < 2u * TILE; m++) { dst[m] += vec4f(f32(q)); }
      }`;
    const { invocations, loops } = loopsOf(body, { params: { inQuads: 10 }, constants: { WORKGROUP: 32 } });
    expect(invocations).toBe(32);
    expect(shape(loops)).toEqual([
      [2, true, []],
      [4, false, [[4, true, []]]],
    ]);
  });

  it('of overrides with numbers take the values given by number', () => {
    const before = '@id(7) override COUNT: u32;';
    const body = 'for (var i = 0u; i < COUNT; i++) { dst[i] = vec4f(); }';
    expect(shape(loopsOf(body, { before, constants: { '7': 3 } }).loops)).toEqual([[3, true, []]]);
  });

  it('turn as those of the first slice, which has the most to do', () => {
    const body = `
      let slice = lane / WORKGROUP;
      for (var q = slice; q < params.inQuads; q += SLICES) { dst[q] = vec4f(); }`;
    expect(shape(loopsOf(body, { params: { inQuads: 10 }, size: 'WORKGROUP, SLICES' }).loops)).toEqual([
      [3, false, []],
    ]);
    expect(loopsOf(body, { size: 'WORKGROUP, SLICES' }).invocations).toBe(256);
  });

  it('turn by the mean of the outer turns, where the inner end with what is left', () => {
    const body = `
      for (var first = 0u; first < params.inQuads; first += 4u) {
        let end = min(first + 4u, params.inQuads);
        for (var q = first; q < end; q++) { dst[q] = vec4f(); }
      }`;
    expect(shape(loopsOf(body, { params: { inQuads: 10 } }).loops)).toEqual([[3, false, [[10 / 3, false, []]]]]);
  });

  it('of a function are where it is called, with its arguments; both branches count', () => {
    const before = `fn add(count: u32) -> f32 { var s = 0.0; for (var i = 0u; i < count; i++) { s += 1.0; } return s; }`;
    const body = `if (lane > 3u) { dst[0].x = add(params.inQuads); } else { dst[1].x = add(TILE); }`;
    expect(shape(loopsOf(body, { before, params: { inQuads: 7 } }).loops)).toEqual([
      [7, false, []],
      [2, true, []],
    ]);
  });

  it('turn as often as a function of one expression returns, split as the first', () => {
    const before = `
      fn turnsOf(quads: u32, split: u32) -> u32 { return (quads + 3u - split) / 4u; }
      fn splitOf(lane: u32) -> u32 { return subgroupBroadcastFirst(lane); }`;
    const body = `
      for (var turns = turnsOf(params.inQuads, splitOf(lane)); turns > 0u; turns -= min(turns, 2u)) {
        for (var left = min(turns, 2u); left > 0u; left--) { dst[left] = vec4f(); }
      }`;
    expect(shape(loopsOf(body, { before, params: { inQuads: 10 } }).loops)).toEqual([[2, false, [[1.5, false, []]]]]);
  });

  it('share a range out among the workgroups of the dispatch', () => {
    const body = 'for (var at = group.x; at < params.pixels; at += groups.x * 8u) { dst[at] = vec4f(); }';
    expect(shape(loopsOf(body, { params: { pixels: 50 }, workgroups: [3, 7, 1] }).loops)).toEqual([[3, false, []]]);
    const code = `${HEAD}@compute @workgroup_size(8) fn main(${BUILTINS}) { ${body} }`;
    expect(shape(kernelLoops({ code, constants: {}, params: { pixels: 50 } }).loops)).toEqual([[undefined, false, []]]);
  });

  it('are unknown where nothing says how long they are', () => {
    const body = `
      let end = u32(dst[0].x);
      for (var i = 0u; i < end; i++) { dst[i] = vec4f(); }
      for (var i = 0u; i < params.absent; i++) { dst[i] = vec4f(); }
      while (dst[0].x > 0.0) { dst[0].x -= 1.0; }`;
    expect(shape(loopsOf(body).loops)).toEqual([
      [undefined, false, []],
      [undefined, false, []],
      [undefined, false, []],
    ]);
  });

  it('begin with those that zero workgroup memory larger than the workgroup', () => {
    const before = `var<workgroup> tile: array<array<vec4f, 8>, 32>; var<workgroup> sums: array<f32, 64>;`;
    expect(shape(loopsOf('tile[0][0] = vec4f(); sums[0] = 1.0;', { before }).loops)).toEqual([[4, true, []]]);
  });

  it('are refused in a text that is no WGSL, and without the entry point', () => {
    expect(() => kernelLoops({ code: 'fn main() { # }', constants: {}, params: {} })).toThrow(/no WGSL: #/);
    expect(() => kernelLoops({ code: 'fn main() {}', entryPoint: 'other', constants: {}, params: {} })).toThrow(
      /no entry point other/,
    );
  });
});

const instructions = (count: number, multiplyAdds: number): Instruction[] =>
  Array.from({ length: count }, (_, i) => {
    const isDone = i < multiplyAdds;
    return { kind: isDone ? 'multiplyAdd' : 'vector', slots: 1, multiplyAdds: isDone ? 1 : 0, capacity: 1, idle: 0 };
  });
const region = (count: number, multiplyAdds: number, loops: readonly Region[] = []): Region => ({
  mix: mixOf(instructions(count, multiplyAdds)),
  loops,
});

describe('the loops of a program', () => {
  const written: Loop = { turns: 4, fixed: true, loops: [] };
  const long: Loop = { turns: 10, fixed: false, loops: [written] };

  it('are found in the text, and loops that the compiler wrote out are left out', () => {
    const counted = fromText(region(5, 0, [region(8, 4)]), [written, long, written], 40);
    expect(counted?.total).toMatchObject({ multiplyAdds: 40, capacity: 85 });
    expect(counted).toMatchObject({ isEstimated: false, hottest: { turns: 10 } });
  });

  it('may keep a loop whose turns are known: the fewest multiply-adds that suffice decide', () => {
    const body = region(0, 0, [region(2, 0, [region(3, 2)])]);
    expect(fromText(body, [long], 80)?.total).toMatchObject({ multiplyAdds: 80, capacity: 20 + 120 });
    const two = region(0, 0, [region(1, 1), region(1, 1)]);
    expect(fromText(two, [written, long, written], 14)?.total.multiplyAdds).toBe(14);
  });

  it('are not taken for those of the text when they do too little, or are of another number', () => {
    expect(fromText(region(5, 0, [region(8, 4)]), [long], 41)).toBeNull();
    expect(fromText(region(5, 0), [long], 0)).toBeNull();
    expect(fromText(region(5, 0, [region(8, 4), region(8, 4)]), [long], 0)).toBeNull();
  });

  it('turn as often as the multiply-adds need where the text does not say', () => {
    const unknown: Loop = { turns: undefined, fixed: false, loops: [] };
    const counted = fromNeed(region(10, 0, [region(4, 0), region(8, 4)]), [unknown, unknown], 30);
    expect(counted).toMatchObject({ isEstimated: true, hottest: { turns: 7.5 } });
    expect(counted.total).toMatchObject({ multiplyAdds: 30, capacity: 10 + 4 + 7.5 * 8 });
  });

  it('of several ways to see unknown loops, turn in the way that issues least', () => {
    const text: Loop[] = [
      {
        turns: undefined,
        fixed: false,
        loops: [
          { ...written, turns: 2 },
          { ...written, turns: 8 },
        ],
      },
    ];
    const body = region(0, 0, [region(100, 0, [region(6, 4)])]);
    expect(fromNeed(body, text, 64).total).toMatchObject({ multiplyAdds: 64, capacity: 2 * (100 + 8 * 6) });
  });

  it('of unknown turns around loops of known ones turn so that all together do what is needed', () => {
    const outer: Loop = { turns: undefined, fixed: false, loops: [{ turns: 8, fixed: true, loops: [] }] };
    const body = region(0, 0, [region(5, 0, [region(6, 4)])]);
    expect(fromNeed(body, [outer], 96).total).toMatchObject({ multiplyAdds: 96, capacity: 3 * (5 + 8 * 6) });
  });
});
