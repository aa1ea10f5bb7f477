/**
 * Checkpoints that nobody here trained, from file to named pictures: `import`, then `classify` in headless Chrome, as a
 * user has it, preprocessing included. Every answer is compared with PyTorch's for that picture, and their sum with the
 * published accuracy (`NOTE.md` beside each checkpoint in ../shared).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { FIXTURES } from '../reference/fixtures.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SHARED = join(ROOT, '../shared');
const BACKEND = findBrowser('chrome') ? 'chrome' : 'node';
/** Milliseconds that 200 pictures may take; a quiet pair of cores needs a twentieth. */
const PATIENCE = 400_000;
const OUT = mkdtempSync(join(tmpdir(), 'densenet-webgpu-'));
afterAll(() => rmSync(OUT, { recursive: true, force: true }));
vi.setConfig({ testTimeout: PATIENCE });
if (!existsSync(SHARED))
  console.warn(`SKIPPED: ${SHARED} is absent, and with it the published checkpoints and pictures`);

interface Named {
  readonly image: string;
  readonly top: readonly { readonly index: number; readonly label: string; readonly probability: number }[];
}

function cli(...args: string[]): string {
  const run = spawnSync(process.execPath, [join(ROOT, 'dist/cli/main.js'), ...args], {
    encoding: 'utf8',
    timeout: PATIENCE,
  });
  expect(run.status, run.stderr).toBe(0);
  return run.stdout;
}

function classify(folder: string, model: string, backend: string = BACKEND): Map<string, Named['top'][number]> {
  const options = ['--model', model, '--top', '1', '--json', '--backend', backend];
  const { results }: { results: Named[] } = JSON.parse(cli('classify', folder, ...options));
  return new Map(results.flatMap(({ image, top: [best] }) => (best ? [[basename(image), best]] : [])));
}

/** @param right of 200 pictures, as PyTorch names them */
const CHECKPOINTS = [
  { data: 'cifar10', right: 188, samples: 20 },
  { data: 'cifar100', right: 154, samples: 14 },
] as const;

describe.skipIf(!existsSync(SHARED)).each(CHECKPOINTS)(
  'DICE DenseNet-BC-100-12 on $data',
  ({ data, right, samples }) => {
    const source = join(SHARED, `weights/dice-densenet-bc-100-12-${data}`);
    const model = join(OUT, `${data}.safetensors`);
    const pictures = join(SHARED, `images/${data}-test-200`);
    const truth: { classes: string[]; images: { file: string; label: number }[] } = existsSync(SHARED)
      ? JSON.parse(readFileSync(join(pictures, 'labels.json'), 'utf8'))
      : { classes: [], images: [] };

    beforeAll(() => {
      const labels = join(OUT, `${data}.labels.json`);
      writeFileSync(labels, JSON.stringify(truth.classes));
      const options = ['--labels', labels, '--preprocess', 'cifar10-per-image'];
      cli('import', join(source, 'checkpoint_100.pth.tar'), '-o', model, ...options);
    });

    it(`gives PyTorch's answer for 200 images, ${right} of them correct`, () => {
      const { logits_f64 } = JSON.parse(readFileSync(join(source, 'expected_logits.json'), 'utf8'));
      const expected: readonly (readonly number[])[] = logits_f64;
      const found = classify(pictures, model);
      expect(found.size).toBe(200);
      let worst = 0;
      for (const [n, { file }] of truth.images.entries()) {
        const row = expected[n] ?? [];
        const best = Math.max(...row);
        const sum = row.reduce((total, logit) => total + Math.exp(logit - best), 0);
        const { index = -1, label, probability = 0 } = found.get(file) ?? {};
        expect([index, label], file).toEqual([row.indexOf(best), truth.classes[index]]);
        worst = Math.max(worst, Math.abs(probability - 1 / sum));
      }
      console.log(`${data}: probabilities within ${worst.toExponential(1)} of PyTorch's (${BACKEND})`);
      expect(worst).toBeLessThan(1e-4);
      expect(truth.images.filter(({ file, label }) => found.get(file)?.index === label)).toHaveLength(right);
    });

    it(`classifies ${samples} of foolbox's 20 images correctly`, () => {
      const found = classify(join(SHARED, `images/foolbox-samples/${data}_*.png`), model);
      // The class is the last number of the name: cifar10_03_0.png.
      const rightly = [...found].filter(([file, { index }]) => index === Number(/(\d+)\.png$/.exec(file)?.[1]));
      expect([found.size, rightly.length]).toEqual([20, samples]);
    });
  },
);

describe.skipIf(!existsSync(SHARED) || BACKEND !== 'chrome')('photographs', () => {
  it('are decoded and preprocessed equally by Chrome and Node: 512×512 JPEG, resized and cropped', () => {
    const model = join(OUT, 'photographs.safetensors');
    cli('import', join(FIXTURES, 'torchvision.pth'), '-o', model, '--preprocess', 'torchvision');
    const folder = join(SHARED, 'images/foolbox-samples');
    const files = readdirSync(folder).filter((file) => file.endsWith('.jpg'));
    const pattern = join(folder, 'imagenet_*.jpg');
    const [chrome, node] = [classify(pattern, model, 'chrome'), classify(pattern, model, 'node')];
    expect([...chrome.keys()]).toEqual(files.sort());
    for (const file of files) {
      const [a, b] = [chrome.get(file), node.get(file)];
      expect(a?.index, file).toBe(b?.index);
      expect(Math.abs((a?.probability ?? 0) - (b?.probability ?? 1)), file).toBeLessThan(0.01);
    }
  });
});
