/** `bench --pictures` without a browser: its pictures, its options, and what it prints. */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { picturesOptions } from '../../src/bench/bench-options.js';
import { seededModel, TINY } from '../../src/bench/case-files.js';
import { drawnJpegs, HEIGHT, WIDTH } from '../../src/bench/pictures/jpegs.js';
import type { PicturesReport } from '../../src/bench/pictures/pictures.js';
import { picturesLines, picturesMarkdown } from '../../src/bench/pictures/report.js';
import { hubFiles } from '../../src/bench/pictures/transformers.js';
import { presetOf } from '../../src/preprocess/presets.js';

describe('drawnJpegs', () => {
  it('draws different pictures of 500×375, the same on every run', async () => {
    const [jpegs, again] = [await drawnJpegs(2), await drawnJpegs(2)];
    expect(jpegs).toEqual(again);
    expect(jpegs[0]).not.toEqual(jpegs[1]);
    for (const jpeg of jpegs) {
      expect(await sharp(jpeg).metadata()).toMatchObject({ format: 'jpeg', width: WIDTH, height: HEIGHT });
      // About what a photograph of this size has.
      expect(jpeg.byteLength).toBeGreaterThan(20_000);
      expect(jpeg.byteLength).toBeLessThan(150_000);
    }
  });
});

describe('picturesOptions', () => {
  it('measures 500 pictures with both libraries by default', () => {
    const libraries = ['ours', 'transformers.js'];
    expect(picturesOptions({})).toEqual({ backend: 'chrome', model: 'densenet121', count: 500, libraries });
    expect(picturesOptions({ peers: 'ours', count: '3', cases: TINY })).toMatchObject({
      count: 3,
      libraries: ['ours'],
    });
  });

  it.each([
    [{ count: '2.5' }, '--count is 2.5; it must be a whole number'],
    [{ cases: 'densenet-bc-100-12' }, '--cases is densenet-bc-100-12; with --pictures it must be tiny or one of'],
    [{ backend: 'node' }, '--backend is node; it must be one of chrome, firefox'],
    [{ peers: 'tfjs-webgpu' }, '--peers is tfjs-webgpu; it must be one of ours, transformers.js'],
  ])('rejects %j', (values, message) => {
    expect(() => picturesOptions(values)).toThrow(message);
  });
});

describe('hubFiles', () => {
  it('describes the same preprocessing and classes to transformers.js', () => {
    const files = hubFiles(seededModel(TINY), presetOf('torchvision'), [224, 224]);
    const json = (name: string) => JSON.parse(String(files.get(`/models/densenet/${name}`)));
    expect(json('preprocessor_config.json')).toMatchObject({
      size: { shortest_edge: 256 },
      crop_size: { height: 224, width: 224 },
      image_mean: [0.485, 0.456, 0.406],
    });
    expect(Object.keys(json('config.json').id2label)).toHaveLength(10);
    expect(Buffer.from(files.get('/models/densenet/onnx/model.onnx') ?? '').includes('pixel_values')).toBe(true);
  });
});

const STAGES = { decode: 10, upload: 5, preprocess: 15, network: 60, readback: 10 };
const REPORT: PicturesReport = {
  ...{ model: 'densenet121', count: 20, meanBytes: 61_440, browser: 'Chrome/1', adapter: 'some GPU' },
  ...{ date: '2026-01-02T03:04:05Z', versions: { 'some-library': '1.2' }, atOncePerSecond: 12.5, skipped: null },
  results: [
    { library: 'ours', openMs: 900, times: { median: 100, p10: 90, p90: 110 }, picturesPerSecond: 10, stages: STAGES },
    {
      ...{ library: 'transformers.js', openMs: 5000, times: { median: 250, p10: 240, p90: 260 }, picturesPerSecond: 4 },
      stages: { ...STAGES, upload: null, readback: null, network: 75 },
    },
  ],
  agreement: { sameBest: 19, largestDifference: 0.0123 },
};

describe('the report', () => {
  it('has the rates, their ratio, the shares of the stages and the agreement', () => {
    const text = picturesLines(REPORT).join('\n');
    for (const words of [
      'densenet121, 20 JPEGs of 500×375 (60 KiB on average), f32. Chrome/1, adapter "some GPU", 2026-01-02 03:04 UTC.',
      'The best class is the same for 19 of 20 pictures; largest difference of its probability: 1.2e-2.',
      'Versions: some-library 1.2.',
    ])
      expect(text).toContain(words);
    expect(text).toMatch(/^transformers\.js +250 +240 – 260 +4\.00 +2\.50 +5000$/m);
    expect(text).toMatch(
      /^ours +10\.0 \(10\.0 %\) +5\.0 \(5\.0 %\) +15\.0 \(15\.0 %\) +60\.0 \(60\.0 %\) +10\.0 \(10\.0 %\)$/m,
    );
  });

  it('as Markdown has a table of each, and the command', () => {
    const lines = picturesMarkdown(REPORT, ['--pictures', '--count', '20']);
    expect(lines).toContain('`npm run bench -- --pictures --count 20`');
    expect(lines).toContain(
      '| transformers.js | 10.0 (10.0 %) | in network | 15.0 (15.0 %) | 75.0 (75.0 %) | in network |',
    );
    expect(lines.filter((line) => line.startsWith('|---'))).toHaveLength(2);
  });
});
