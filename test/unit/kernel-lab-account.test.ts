/** What the kernel lab makes of a compiled network: sums over dispatches, waste at edges, layers of a recorded network. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { account } from '../../src/bench/kernels/account.js';
import type { Compiled } from '../../src/bench/kernels/compiler-process.js';
import { assignLayers, needOf, readDump } from '../../src/bench/kernels/dump.js';
import { familyNamed, missingDriver } from '../../src/bench/kernels/families.js';
import type { Dispatch } from '../../src/bench/kernels/planned.js';
import { familyLines } from '../../src/bench/kernels/table.js';

const CODE = `
struct Params { count: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> dst: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = 0u; i < params.count; i++) { sum = fma(sum, 0.5, 1.0); }
  dst[lane] = sum;
}`;

/** Two instructions in front of the loop, four in it, of which two are multiply-adds; waves of 64. */
const output = (spilled: number) => `disasm:
BB0:
\tv_mov_b32_e32 v0, 0 ; 0
\ts_mov_b64 vcc, exec ; 0
BB1:
\tv_fmac_f32_e32 v0, v1, v2 ; 0
\tv_fmac_f32_e32 v0, v1, v2 ; 0
\tv_max_f32_e32 v0, 0, v0 ; 0
\tv_max_f32_e32 v0, 0, v0 ; 0
\ts_cbranch_scc1 BB1 ; 0
BB2:
\tv_add_u32_e32 v0, 1, v0 ; 0

VGPRs: 24
Spilled SGPRs: 0
Spilled VGPRs: ${spilled}
Scratch size: 0
Subgroups per SIMD: 8
`;

function compiled(dispatches: readonly Partial<Dispatch>[], spilled = 0): Compiled {
  const standard: Dispatch = { name: '', kernel: 0, workgroups: [3, 2, 1], macs: 0, params: { count: 5 }, bytes: 0 };
  return {
    adapter: 'amd',
    subgroup: [64, 64],
    work: {
      kernels: [{ label: 'sum', code: CODE, entryPoint: null, constants: {} }],
      dispatches: dispatches.map((dispatch) => ({ ...standard, ...dispatch })),
    },
    outputs: [output(spilled)],
    failures: [null],
  };
}

const NAVI = familyNamed('navi21');

describe('the account of a network', () => {
  it('counts what all lanes of all waves issue, in all turns, against what is needed', () => {
    const report = account(
      NAVI,
      compiled([
        { macs: 3000, bytes: 512e6 },
        { macs: 0, params: { count: 1 } },
      ]),
    );
    // 6 waves of 64 lanes; 2 instructions and 5 turns of 4, then 2 and one turn of 4.
    expect(report.total).toMatchObject({ needed: 3000, capacity: 384 * (22 + 6), done: 384 * (10 + 2), dispatches: 2 });
    expect(report.total.share).toBe(3000 / (384 * 28));
    // Six waves on 144 units of 32 lanes at 2.25 GHz: two clocks for each instruction. 512 MB at 512 GB/s.
    expect(report.total.issueMs).toBeCloseTo((2 * (22 + 6)) / 2.25e6, 12);
    expect(report.total.bytesMs).toBeCloseTo(1, 12);
    expect(report.total.estimateMs).toBeCloseTo(1 + (2 * 6) / 2.25e6, 12);
    expect(report.kernels).toMatchObject([
      { registers: 24, spills: 0, occupancy: 8, turns: [1, 5], isEstimated: false },
    ]);
    expect(report).toMatchObject({ spilling: 0, hasLayers: true });
  });

  it('counts the lanes of a workgroup that a wave does not fill', () => {
    const narrow = compiled([{ macs: 100 }]);
    const [kernel] = narrow.work.kernels;
    const code = CODE.replace('workgroup_size(64)', 'workgroup_size(65)');
    const work = { ...narrow.work, kernels: [{ label: 'sum', entryPoint: null, constants: {}, ...kernel, code }] };
    expect(account(NAVI, { ...narrow, work }).total.capacity).toBe(6 * 2 * 64 * 22);
  });

  it('says which pipelines spill', () => {
    const report = account(NAVI, compiled([{}], 7));
    expect(report.spilling).toBe(1);
    expect(report.kernels[0]?.spills).toBe(7);
    expect(familyLines(report).join('\n')).toContain('1 of 1 pipelines spill');
  });

  it('takes turns from the need, and says so, where the text does too little', () => {
    const report = account(NAVI, compiled([{ macs: 384 * 20 }]));
    expect(report.kernels).toMatchObject([{ isEstimated: true }]);
    expect(report.total.done).toBe(384 * 20);
    expect(familyLines(report).join('\n')).toContain('~10');
  });

  it('fails for a kernel that the driver did not compile, with its words', () => {
    expect(() => account(NAVI, { ...compiled([{}]), failures: ['no such type'] })).toThrow(
      'navi21 does not compile sum: no such type',
    );
    expect(() => account(NAVI, { ...compiled([{}]), outputs: ['nothing'] })).toThrow(/printed no code of sum: nothing/);
  });
});

describe('a dump', () => {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-dump-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const dump = (value: unknown): string => {
    const path = join(folder, 'dump.json');
    writeFileSync(path, JSON.stringify(value));
    return path;
  };

  it('is read with its dispatches in their order', () => {
    const work = readDump(
      dump([
        {
          code: 'a',
          entryPoint: 'main',
          constants: { N: 2 },
          dispatches: [[1, 2, 3], [4]],
          order: [2, 0],
          bytes: [7, 8],
          uniforms: [{}, { '0,2': [9] }],
        },
        { code: 'b', dispatches: [[5, 1, 1]], order: [1] },
      ]),
    );
    expect(work.kernels).toMatchObject([
      { code: 'a', entryPoint: 'main', constants: { N: 2 } },
      { code: 'b', entryPoint: null, constants: {} },
    ]);
    expect(work.dispatches.map((each) => [each.kernel, each.workgroups, each.bytes, each.uniforms])).toEqual([
      [0, [4, 1, 1], 8, { '0,2': [9] }],
      [1, [5, 1, 1], 0, {}],
      [0, [1, 2, 3], 7, {}],
    ]);
  });

  it.each([
    ['no list', {}, /holds no pipelines/],
    ['a pipeline without code', [{ dispatches: [] }], /pipeline 0 has no `code`/],
    ['a pipeline without dispatches', [{ code: '' }], /pipeline 0 has no list `dispatches`/],
    ['an indirect dispatch', [{ code: '', dispatches: [['indirect']] }], /pipeline 0 has a dispatch of \["indirect"\]/],
  ])('is refused when it is %s', (_, value, message) => {
    expect(() => readDump(dump(value))).toThrow(message);
  });

  it('has its convolutions found by their loops, in order, and their layers given to them', () => {
    const unknown = { params: null };
    const report = account(NAVI, compiled([unknown, unknown]), { layers: [7680, 384 * 4], least: 4224 });
    expect(report).toMatchObject({ hasLayers: true, total: { needed: 7680 + 384 * 4, done: 7680 + 384 * 4 } });
    // Two instructions and ten turns of four, then two and two turns of four.
    expect(report.total.capacity).toBe(384 * (42 + 10));
    expect(familyLines(report).join('\n')).toContain(`; ${(4224 / (384 * 52)).toFixed(3)} by the 0.000 G`);
    const other = account(NAVI, compiled([{}]), { layers: [1, 2], least: 3 });
    expect(other).toMatchObject({ hasLayers: false, total: { needed: 0 } });
    expect(familyLines(other).join('\n')).toContain('only loops can be judged');
    expect(assignLayers(compiled([{}]).work, [], [1])).toBeNull();
  });

  it('is measured by the layers in the order of the frameworks', () => {
    const { layers, least } = needOf({ arch: 'densenet121', batch: 2, precision: 'f32' });
    expect(layers).toHaveLength(121);
    expect(layers[0]).toBe(2 * 112 * 112 * 64 * 3 * 49);
    expect(layers.reduce((sum, macs) => sum + macs, 0) - least).toBe(2 * 3 * 0.75 * 128 * 256 * 3136);
  });
});

describe('the drivers', () => {
  it('are asked for in one sentence where they are missing', () => {
    expect(() => familyNamed('rtx')).toThrow(/--gpu: there is no family "rtx"; there are polaris10/);
    expect(missingDriver(NAVI, undefined)).toMatch(/DENSENET_GPU_LAB|Linux only/);
    expect(missingDriver(NAVI, '/nowhere')).toMatch(
      /\/nowhere\/lib\/amd\/libvulkan.so.1, which does not exist|Linux only/,
    );
  });
});
