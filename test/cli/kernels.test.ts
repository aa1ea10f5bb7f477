/** The kernel lab on the compilers of real GPUs, where they are: in DENSENET_GPU_LAB or in ../shared/gpu-lab. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FamilyReport } from '../../src/bench/kernels/account.js';
import { driversFolder, familyNamed, missingDriver } from '../../src/bench/kernels/families.js';
import { workOf } from '../../src/bench/roofline.js';
import { familyConfig } from '../../src/model/family.js';

const CLI = new URL('../../dist/bench/main.js', import.meta.url).pathname;

function kernels(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [CLI, 'kernels', ...args], { encoding: 'utf8', timeout: 60_000 });
}

/** A sum of so many vectors in registers, each of which every turn of the loop changes. */
const sums = (count: number) => `
@group(0) @binding(0) var<storage, read> src: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> dst: array<vec4f>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  var sum: array<vec4f, ${count}>;
  for (var i = 0u; i < arrayLength(&src) / 64u; i++) {
    for (var n = 0u; n < ${count}u; n++) { sum[n] = fma(src[i * 64u + n], src[i * 64u + id.x], sum[n]); }
  }
  for (var n = 0u; n < ${count}u; n++) { dst[id.x * ${count}u + n] = sum[n]; }
}`;

describe.each(['navi31', 'tgl'])('the compiler of %s (skipped where its driver is absent)', (family) => {
  const missing = missingDriver(familyNamed(family), driversFolder());
  if (missing) console.warn(`skipped: ${missing}`);

  it.skipIf(missing)('compiles what the plan of a network chooses, and accounts for every multiply-add', () => {
    const arch = 'densenet-bc-100-12';
    const { status, stdout, stderr } = kernels('--gpu', family, '--arch', arch, '--json');
    expect(status, stderr).toBe(0);
    const gpus: FamilyReport[] = JSON.parse(stdout).gpus;
    expect(gpus.map((report) => report.family)).toEqual([family]);
    for (const { total, kernels: pipelines } of gpus) {
      expect(total.needed).toBe(workOf(familyConfig(arch), [32, 32], 1).macsPoolFirst);
      expect(total.done).toBeGreaterThanOrEqual(total.needed);
      expect(total.share).toBeGreaterThan(0.2);
      expect(total.share).toBeLessThan(1);
      const estimated = pipelines.filter(({ isEstimated }) => isEstimated).map(({ label }) => label);
      expect(estimated).toEqual([]);
      for (const { registers, lanes } of pipelines) expect(Math.min(registers, lanes)).toBeGreaterThan(0);
    }
  });

  it.skipIf(missing)('spills where a kernel has more sums than there are registers, and says so', () => {
    const folder = mkdtempSync(join(tmpdir(), 'densenet-spills-'));
    const path = join(folder, 'dump.json');
    const pipelines = [2, 96].map((count) => ({
      code: sums(count),
      entryPoint: 'main',
      constants: {},
      dispatches: [[1]],
    }));
    writeFileSync(path, JSON.stringify(pipelines));
    const { status, stdout, stderr } = kernels('--gpu', family, '--dump', path, '--json');
    rmSync(folder, { recursive: true });
    expect(status, stderr).toBe(0);
    const [report]: FamilyReport[] = JSON.parse(stdout).gpus;
    const [few, many] = report?.kernels.map(({ spills, scratchBytes }) => spills + scratchBytes) ?? [];
    expect(few).toBe(0);
    expect(many).toBeGreaterThan(0);
    expect(report?.hasLayers).toBe(false);
  });
});

describe('the kernels command', () => {
  it('ends with one sentence where the drivers are missing', () => {
    const { status, stdout, stderr } = kernels('--gpu', 'tgl', '--drivers', '/nowhere');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^The .*docs\/kernel-lab\.md says how to get the drivers\.\n$/);
  });

  it.each([
    [[], /kernels needs --gpu FAMILY/],
    [['--gpu', 'geforce'], /there is no family "geforce"/],
    [['--record', 'nobody', '--as', 'intel', '-o', 'x'], /there is no peer nobody/],
    [['--record', 'ort-webgpu', '-o', 'x'], /--record needs --as intel\|amd/],
    [['--record', 'ort-webgpu', '--as', 'voodoo', '-o', 'x'], /--as is voodoo/],
  ])('refuses %j with what it needs', (args, message) => {
    const { status, stderr } = kernels(...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });
});
