import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { caseFiles, seededModel, TINY } from '../../src/bench/case-files.js';
import { markdownOf, rooflineMarkdown } from '../../src/bench/markdown.js';
import { measureCase } from '../../src/bench/measure.js';
import type { PeerName } from '../../src/bench/peer.js';
import type { PicturesReport } from '../../src/bench/pictures/pictures.js';
import type { PeerClient } from '../../src/bench/protocol.js';
import type { BenchReport } from '../../src/bench/report.js';
import { workOf } from '../../src/bench/roofline.js';
import { skipReason } from '../../src/bench/skipped.js';
import { quantile, relativeError } from '../../src/bench/statistics.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { familyConfig } from '../../src/model/family.js';
import { readModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { forward } from '../reference/cpu-densenet.js';

const CLI = new URL('../../dist/bench/main.js', import.meta.url).pathname;

const PEERS_AS_GPU = 'ours,ours-tuned,ort-node-webgpu';

function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  // Cold times are not looked at here, so compiled shaders may come from Mesa's cache.
  const env = { ...process.env, MESA_SHADER_CACHE_DISABLE: 'false' };
  return spawnSync(process.execPath, [CLI, 'bench', ...args], { encoding: 'utf8', timeout: 110_000, env });
}

describe('the bench command', () => {
  it.runIf(hasDriver('lavapipe'))('measures ours and a peer that computes the same logits', () => {
    const args = ['--backend', 'node', '--cases', 'tiny:2', '--peers', 'ours,ort-wasm', '--rounds', '2', '--json'];
    const { status, stdout, stderr } = bench(...args);
    expect(status, stderr).toBe(0);
    const report: BenchReport = JSON.parse(stdout);
    const [ours, peer] = report.cases[0]?.runs ?? [];
    expect([ours?.name, peer?.name]).toEqual(['ours', 'ort-wasm']);
    for (const run of [ours, peer]) {
      expect(run?.error).toBeNull();
      expect(run?.maxRelError).toBeLessThan(1e-4);
      expect(run?.warmMedianMs).toBeGreaterThan(0);
      expect(run?.coldMs).toBeGreaterThan(run?.warmMedianMs ?? 0);
    }
    expect(ours).toMatchObject({ ratio: 1, submits: 1, buffersCreated: 0, kernels: 'software row' });
    expect(ours?.row?.name).toMatch(/^software/);
    expect(peer).toMatchObject({ kernels: 'CPU', row: null });
    expect(ours?.dispatches).toBeGreaterThan(0);
    expect(report).toMatchObject({ presentedAs: null, adapter: expect.stringContaining('llvmpipe') });
  });

  it.runIf(hasDriver('lavapipe'))('--as gpu: runs the GPU rows on a software adapter, and says both', () => {
    const args = ['--backend', 'node', '--cases', TINY, '--peers', PEERS_AS_GPU, '--rounds', '1', '--json'];
    const { status, stdout, stderr } = bench(...args, '--as', 'gpu');
    expect(status, stderr).toBe(0);
    const report: BenchReport = JSON.parse(stdout);
    const [result] = report.cases;
    expect(report).toMatchObject({ presentedAs: 'intel xe', adapter: expect.stringContaining('llvmpipe') });
    expect(result?.runs).toMatchObject([
      { name: 'ours', error: null, kernels: 'GPU row', row: { name: 'few registers' } },
      { name: 'ours-tuned', error: null, kernels: 'GPU row', row: { name: 'few registers' } },
    ]);
    for (const { maxRelError } of result?.runs ?? []) expect(maxRelError).toBeLessThan(1e-4);
    const [cold = 0, coldTuned = 0] = result?.runs.map(({ coldMs }) => coldMs ?? Number.NaN) ?? [];
    expect(coldTuned).toBeGreaterThan(2 * cold);
    expect(result?.skipped).toMatchObject([{ name: 'ort-node-webgpu', reason: expect.stringMatching(/by itself/) }]);
    expect(stderr).toMatch(/ort-node-webgpu is skipped: /);
  });

  it('--export: writes the files of a case, from which make_tflite.py makes its model', () => {
    const folder = mkdtempSync(join(tmpdir(), 'densenet-export-'));
    const { status, stderr } = bench('--export', folder, '--cases', 'tiny:2');
    const into = join(folder, 'tiny-b2');
    const files = readdirSync(into).sort();
    const shape = JSON.parse(readFileSync(join(into, 'case.json'), 'utf8'));
    const input = readFileSync(join(into, 'input')).length;
    rmSync(folder, { recursive: true });
    expect(status, stderr).toBe(0);
    expect(files).toEqual(['case.json', 'input', 'onnx', 'safetensors', 'tfjs', 'tfjsWeights']);
    expect(shape).toEqual({ model: 'tiny', batch: 2, shape: [2, 3, 64, 64], classes: 10 });
    expect(input).toBe(4 * 2 * 3 * 64 * 64);
  });

  it.runIf(findBrowser('chrome'))(
    'measures in a browser, and counts GPU calls and downloaded bytes of each peer',
    () => {
      const { status, stdout, stderr } = bench(
        '--cases',
        TINY,
        '--peers',
        'ours,tfjs-webgpu',
        '--rounds',
        '2',
        '--json',
      );
      expect(status, stderr).toBe(0);
      const report: BenchReport = JSON.parse(stdout);
      const [ours, peer] = report.cases[0]?.runs ?? [];
      expect(peer).toMatchObject({ kernels: 'own GPU kernels', row: null });
      console.log(`tfjs-webgpu takes ${peer?.ratio?.toFixed(1)} times as long as ours`);
      expect([ours?.error, peer?.error]).toEqual([null, null]);
      expect(ours).toMatchObject({ submits: 1, buffersCreated: 0 });
      expect(peer?.dispatches).toBeGreaterThan(ours?.dispatches ?? 0);
      expect(ours?.downloadBytes).toBeLessThan(64 * 1024);
      expect(peer?.downloadBytes).toBeGreaterThan(100_000);
      expect(ours?.peakGpuBytes).toBeGreaterThanOrEqual(ours?.liveGpuBytes ?? 0);
    },
  );

  it.runIf(findBrowser('chrome'))('--pictures: classifies JPEGs end to end, and measures every stage', () => {
    const args = ['--pictures', '--count', '2', '--cases', TINY, '--peers', 'ours', '--json'];
    const { status, stdout, stderr } = bench(...args);
    expect(status, stderr).toBe(0);
    const { results, count, atOncePerSecond, agreement }: PicturesReport = JSON.parse(stdout);
    expect([count, agreement, results.map(({ library }) => library)]).toEqual([2, null, ['ours']]);
    expect(atOncePerSecond).toBeGreaterThan(0);
    const [ours] = results;
    expect(ours?.times.median).toBeGreaterThan(ours?.stages.decode ?? Number.NaN);
    for (const stage of ['decode', 'network'] as const) expect(ours?.stages[stage], stage).toBeGreaterThan(0);
  });

  it('rejects wrong options with the reason', () => {
    expect(bench('--peers', 'nobody')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/there is no nobody/),
    });
    expect(bench('--cases', 'resnet:1')).toMatchObject({ status: 2, stderr: expect.stringMatching(/not MODEL:BATCH/) });
    expect(bench('--as', 'voodoo')).toMatchObject({ status: 2, stderr: expect.stringMatching(/--as is voodoo/) });
    expect(bench('--rounds', '0')).toMatchObject({ status: 2, stderr: expect.stringMatching(/above 0/) });
  });
});

describe('--markdown', () => {
  it('prints every figure of a run, its command, and what failed', () => {
    const run = { samples: 3, libraryMs: 1, createMs: 2, firstMs: 3, dispatches: 124, submits: 1, buffersCreated: 0 };
    const bytes = { liveGpuBytes: 39e6, peakGpuBytes: 40e6, downloadBytes: 30_000, maxRelError: 1.3e-6 };
    const times = { warmMedianMs: 880, p10: 90.04, p90: 1899.6, coldMs: 2210, ratio: 1, coldRatio: 1 };
    const kernels = { kernels: 'GPU row', row: { family: 'GPU row', name: 'few registers' } } as const;
    const ours = { name: 'ours', error: null, ...kernels, ...run, ...bytes, ...times } as const;
    const peer = {
      ...ours,
      name: 'ort-webgpu',
      kernels: 'own GPU kernels',
      row: null,
      ratio: 9.437,
      downloadBytes: 6e6,
      maxRelError: null,
      p10: null,
    } as const;
    const lost = {
      ...peer,
      name: 'tfjs-wasm',
      kernels: null,
      error: 'no adapter',
      warmMedianMs: null,
      downloadBytes: null,
    } as const;
    const skipped = [{ name: 'litert-webgpu', reason: 'there is no file' }] as const;
    const lines = markdownOf(
      {
        ...{ adapter: 'google swiftshader', presentedAs: 'intel xe', backend: 'chrome', browser: 'Chrome/1' },
        date: '2026-11-24T21:29:00.000Z',
        system: { platform: 'linux', cpu: '', cores: 2, node: 'v20.0.0', load: 0.74 },
        versions: { 'densenet-webgpu': '0.1.0' },
        cases: [{ model: 'densenet121', batch: 8, inputSize: [224, 224], runs: [ours, peer, lost], skipped }],
      },
      ['--cases', 'densenet121:8'],
    );
    expect(lines).toEqual([
      '**DenseNet-121, batch 8, 224×224, f32.** Chrome/1, adapter "google swiftshader" presented as "intel xe", 2026-11-24 21:29 UTC, load 0.7.',
      '',
      '`npm run bench -- --cases densenet121:8`',
      '',
      expect.stringMatching(/^\| {2}\| kernels \| warm ms \| p10 – p90 \|/),
      `|${' --- |'.repeat(13)}`,
      '| `ours` | GPU row (few registers) | 880 | 90.0 – 1,900 | 3 | 1 | 2,210 | 1 | 124 | 1 | 0 | 39.0 / 40.0 | 1.3e-6 |',
      '| `ort-webgpu` | own GPU kernels | 880 | – | 3 | **9.44** | 2,210 | **1.00** | 124 | 1 | 0 | 39.0 / 40.0 | – |',
      '| `tfjs-wasm` | – | – | – | 3 | **9.44** | 2,210 | **1.00** | 124 | 1 | 0 | 39.0 / 40.0 | – |',
      '',
      '`tfjs-wasm` failed: no adapter',
      '',
      '`litert-webgpu` skipped: there is no file',
      '',
      'Versions: densenet-webgpu 0.1.0.',
      '',
      '|  | KB | × ours |',
      '| --- | --- | --- |',
      '| `ours` | 30.0 | 1.0 |',
      '| `ort-webgpu` | 6000.0 | 200.0 |',
    ]);
  });
});

describe('--roofline --markdown', () => {
  it('prints compute and memory of each case, the longer in bold', () => {
    const work = { macs: 3e9, macsPoolFirst: 2.6e9, bytes: 117.34e6 };
    const devices = [
      { device: 'Fast', computeMs: 0.0781, memoryMs: 0.0349, leastMs: 0.0781 },
      { device: 'Slow', computeMs: 2, memoryMs: 17.3, leastMs: 17.3 },
    ];
    expect(rooflineMarkdown([{ model: 'densenet121', batch: 1, work, devices }])).toEqual([
      '|  | DenseNet-121, batch 1 |',
      '| --- | --- |',
      '| work | 2.60 GMAC, 117.3 MB |',
      '| Fast | **0.078** / 0.035 |',
      '| Slow | 2.0 / **17** |',
    ]);
  });
});

describe('a case', () => {
  const files = { safetensors: '', onnx: '', tfjs: '', tfjsWeights: '', tflite: '', input: '' };
  const task = { shape: [1, 3, 8, 8] as const, classes: 2, files, threads: 1 };

  const ROW = { family: 'software row', name: 'software of four lanes' } as const;

  /** Replies at once, with the given logits. */
  function fake(name: PeerName, logits: number[], milliseconds: number): PeerClient {
    const replies = {
      cold: { libraryMs: 1, createMs: 2, firstMs: 3, logits, adapter: 'fake', row: name === 'ours' ? ROW : null },
      run: [milliseconds],
      last: { logits, dispatches: 7, submits: 1, buffersCreated: 0, liveGpuBytes: 8, peakGpuBytes: 9 },
      profile: null,
      record: [],
      resources: [],
    };
    return {
      name,
      call: async (method) => replies[method],
      downloadBytes: async () => 100,
      close: async () => undefined,
    };
  }

  it('reports a peer with wrong logits, and one that fails, with its error and without times', async () => {
    const open = async (name: PeerName) => {
      if (name === 'tfjs-webgpu') throw new Error('no adapter');
      return fake(name, name === 'ort-jsep' ? [1, 5] : [1, 2], name === 'ours' ? 4 : 10);
    };
    const { runs } = await measureCase(['ours', 'ort-wasm', 'ort-jsep', 'tfjs-webgpu'], task, {
      rounds: 3,
      budgetMs: 1000,
      open,
      reference: [1, 2],
      note: () => undefined,
    });
    expect(runs.map(({ kernels }) => kernels)).toEqual(['software row', 'CPU', 'own GPU kernels', null]);
    expect(runs[0]).toMatchObject({ error: null, warmMedianMs: 4, samples: 3, ratio: 1, coldMs: 6, dispatches: 7 });
    expect(runs[1]).toMatchObject({ error: null, ratio: 2.5, coldRatio: 1, downloadBytes: 100 });
    expect(runs[2]).toMatchObject({ warmMedianMs: null, coldMs: null, samples: 0, maxRelError: 1.5 });
    expect(runs[2]?.error).toMatch(/wrong logits/);
    expect(runs[3]).toMatchObject({ error: 'no adapter', warmMedianMs: null });
  });

  it('stops a slow peer when its budget is spent, but not before one inference', async () => {
    const { runs } = await measureCase(['ours', 'ort-wasm'], task, {
      rounds: 10,
      budgetMs: 350,
      open: async (name) => fake(name, [1, 2], name === 'ours' ? 4 : 100),
      reference: null,
      note: () => undefined,
    });
    expect(runs.map(({ samples }) => samples)).toEqual([10, 3]);
  });
});

describe('a peer that cannot run here', () => {
  it('is skipped with what it lacks and how to get it', () => {
    expect(skipReason('litert-webgpu', '/nowhere/tiny-b1.tflite', undefined)).toMatch(
      /no \/nowhere\/tiny-b1\.tflite: make it with python3 src\/bench\/make_tflite\.py/,
    );
    expect(skipReason('ort-node-webgpu', '', 'amd')).toMatch(/no other adapter can be presented/);
    expect(skipReason('ort-node-webgpu', '', undefined)).toBeNull();
    expect(skipReason('ours', '', 'amd')).toBeNull();
  });
});

describe('the seeded models', () => {
  it('are the same every time, and their logits differ between images', () => {
    expect(seededModel(TINY)).toEqual(seededModel(TINY));
    const { bytes, shape } = caseFiles(seededModel(TINY), 2);
    const logits = forward(readModel(bytes.safetensors).folded, new Float32Array(bytes.input.buffer), [...shape]).get(
      'logits',
    );
    const values = [...(logits?.values ?? [])];
    const error = relativeError(values.slice(0, 10), values.slice(10));
    console.log(`the two pictures' logits differ by ${error.toFixed(3)} of the largest`);
    expect(error).toBeGreaterThan(0.05);
    expect(values.every((value) => Math.abs(value) < 100)).toBe(true);
  });
});

describe('statistics and counts', () => {
  it('interpolates quantiles; a NaN or a missing value is an infinite error', () => {
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([0, 10], 0.9)).toBeCloseTo(9, 12);
    expect(relativeError([1, 2.2], [1, -2])).toBeCloseTo(2.1, 12);
    expect(relativeError([1, Number.NaN], [1, 2])).toBe(Number.POSITIVE_INFINITY);
    expect(relativeError([1], [1, 2])).toBe(Number.POSITIVE_INFINITY);
  });

  it("counts DenseNet-121's work: 2.834 GMAC, a quarter of the transitions' when the pool comes first", () => {
    const { macs, macsPoolFirst } = workOf(familyConfig('densenet121'), [224, 224], 1);
    const transitions = 256 * 128 * 56 * 56 + 512 * 256 * 28 * 28 + 1024 * 512 * 14 * 14;
    expect(macs - macsPoolFirst).toBe(0.75 * transitions);
    expect(macs / 1e9).toBeCloseTo(2.834, 3);
  });
});
