/** A checkpoint and images made here: `import`, then `classify` in headless Chrome, against double precision and Node. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { readModel } from '../../src/weights/model-file.js';
import { random } from '../kernels/harness.js';
import { forward } from '../reference/cpu-densenet.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const OUT = mkdtempSync(join(tmpdir(), 'densenet-webgpu-imported-'));
afterAll(() => rmSync(OUT, { recursive: true, force: true }));

/** The preset `cifar10-std-0.2023`. */
const MEAN = [0.4914, 0.4822, 0.4465];
const STD = [0.2023, 0.1994, 0.201];
const SIDE = 32;
const PIXELS = SIDE * SIDE;
const IMAGES = 12;

interface Best {
  readonly index: number;
  readonly probability: number;
}

function cli(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
    timeout: 110_000,
  });
  expect(status, stderr).toBe(0);
  return stdout;
}

function importFixture(name: string, preset: string): string {
  const model = join(OUT, `${name}.safetensors`);
  cli('import', join(FIXTURES, `${name}.pth`), '-o', model, '--preprocess', preset);
  return model;
}

/** The best class of each image of a folder, by file name. */
function classify(folder: string, model: string, backend: string): Map<string, Best> {
  const options = ['--model', model, '--top', '1', '--json', '--backend', backend];
  const { results }: { results: { image: string; top: Best[] }[] } = JSON.parse(cli('classify', folder, ...options));
  return new Map(results.flatMap(({ image, top: [best] }) => (best ? [[basename(image), best]] : [])));
}

/** RGB bytes of an image of soft stripes, unlike those of other seeds. */
function stripes(seed: number, side: number): Uint8Array {
  const next = random(seed);
  const waves = Array.from({ length: 3 }, () => [8 * next(), 8 * next(), 3 * next()] as const);
  const bytes = new Uint8Array(3 * side * side);
  for (let p = 0; p < side * side; p++) {
    const [x, y] = [(p % side) / side, Math.floor(p / side) / side];
    for (const [c, [u, v, phase]] of waves.entries()) bytes[3 * p + c] = 128 + 110 * Math.sin(u * x + v * y + phase);
  }
  return bytes;
}

async function writeImages(folder: string, ending: string, count: number, side: number): Promise<void> {
  mkdirSync(folder);
  for (let seed = 0; seed < count; seed++) {
    const raw = { width: side, height: side, channels: 3 } as const;
    await sharp(stripes(seed, side), { raw }).toFile(join(folder, `${seed}.${ending}`));
  }
}

describe.each([...(findBrowser('chrome') ? ['chrome'] : []), 'node'])('classify --backend %s', (backend) => {
  const folder = join(OUT, `small-${backend}`);
  let model = '';
  beforeAll(async () => {
    model = importFixture('densenet3-bc', 'cifar10-std-0.2023');
    await writeImages(folder, 'png', IMAGES, SIDE);
  });

  it('gives the class and probability that double precision gives for each image', () => {
    const { folded } = readModel(readBytes(model));
    const found = classify(folder, model, backend);
    expect(found.size).toBe(IMAGES);
    let worst = 0;
    for (let seed = 0; seed < IMAGES; seed++) {
      const bytes = stripes(seed, SIDE);
      const input = Float64Array.from({ length: 3 * PIXELS }, (_, i) => {
        const c = Math.floor(i / PIXELS);
        return ((bytes[3 * (i % PIXELS) + c] ?? 0) / 255 - (MEAN[c] ?? 0)) / (STD[c] ?? 1);
      });
      const logits = [...(forward(folded, input, [1, 3, SIDE, SIDE]).get('logits')?.values ?? [])];
      const best = Math.max(...logits);
      const { index, probability = 0 } = found.get(`${seed}.png`) ?? {};
      expect(index, `${seed}.png`).toBe(logits.indexOf(best));
      worst = Math.max(
        worst,
        Math.abs(probability - 1 / logits.reduce((sum, logit) => sum + Math.exp(logit - best), 0)),
      );
    }
    console.log(`${backend}: probabilities within ${worst.toExponential(1)}`);
    expect(worst).toBeLessThan(1e-4);
    expect(new Set([...found.values()].map(({ index }) => index)).size, 'classes').toBeGreaterThan(1);
  });
});

describe.skipIf(!findBrowser('chrome'))('JPEG of 512×512, resized and cropped', () => {
  it('gives the same class in Chrome and in Node', async () => {
    const model = importFixture('torchvision', 'torchvision');
    const folder = join(OUT, 'photographs');
    await writeImages(folder, 'jpg', 3, 512);
    const [chrome, node] = [classify(folder, model, 'chrome'), classify(folder, model, 'node')];
    expect([chrome.size, node.size]).toEqual([3, 3]);
    for (const [file, { index, probability }] of chrome) {
      expect(node.get(file)?.index, file).toBe(index);
      expect(Math.abs((node.get(file)?.probability ?? 0) - probability), file).toBeLessThan(0.01);
    }
  });
});
