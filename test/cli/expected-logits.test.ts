/** Published checkpoints, imported and verified by the command line against the logits that PyTorch computed for real pictures. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { PRESETS } from '../../src/preprocess/presets.js';
import { writeSafetensors } from '../../src/tensor/safetensors.js';
import { floatTensor } from '../../src/tensor/tensor.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SHARED = join(ROOT, '../shared');
/** Enough to tell; each costs a software GPU a tenth of a second. */
const PICTURES = 20;
const SIDE = 32;
const PIXELS = SIDE * SIDE;

const CHECKPOINTS = [
  { folder: 'dice-densenet-bc-100-12-cifar10', images: 'cifar10-test-200', classes: 10 },
  { folder: 'dice-densenet-bc-100-12-cifar100', images: 'cifar100-test-200', classes: 100 },
] as const;

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const CLI = join(ROOT, json(join(ROOT, 'package.json')).bin['densenet-webgpu']);

/** The pictures as their checkpoint's framework saw them, NCHW; made here, so that our own preprocessing plays no part. */
async function inputs(folder: string): Promise<Float32Array> {
  const { mean, std } = PRESETS['cifar10-per-image'];
  const files: string[] = json(join(folder, 'labels.json')).images.map(({ file }: { file: string }) => file);
  const data = new Float32Array(PICTURES * 3 * PIXELS);
  for (const [n, file] of files.slice(0, PICTURES).entries()) {
    const rgb = await sharp(join(folder, file)).removeAlpha().raw().toBuffer();
    for (const c of [0, 1, 2] as const)
      for (let p = 0; p < PIXELS; p++)
        data[(3 * n + c) * PIXELS + p] = ((rgb[3 * p + c] ?? 0) / 255 - mean[c]) / std[c];
  }
  return data;
}

/** As it was published, and exported to ONNX with and without folding norms into convolutions. */
const FILES = [
  'checkpoint_100.pth.tar',
  'export_torch1.13_opset13_folded.onnx',
  'export_torch1.13_opset13_unfolded.onnx',
];

describe.each(CHECKPOINTS)('$folder', ({ folder, images, classes }) => {
  const weights = join(SHARED, 'weights', folder);
  const out = mkdtempSync(join(tmpdir(), 'densenet-webgpu-'));
  const [model, reference] = [join(out, 'model.safetensors'), join(out, 'reference.safetensors')];
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', timeout: 110_000 });
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  it.skipIf(!existsSync(weights)).each(FILES)('%s gives PyTorch’s logits for real pictures', async (file) => {
    const { logits_f64: rows } = json(join(weights, 'expected_logits.json'));
    const logits = Float32Array.from(rows.slice(0, PICTURES).flat());
    const data = await inputs(join(SHARED, 'images', images));
    const tensors = [
      floatTensor('input', [PICTURES, 3, SIDE, SIDE], data),
      floatTensor('logits', [PICTURES, classes], logits),
    ];
    writeFileSync(reference, writeSafetensors(tensors, new Map()));
    expect(run('import', join(weights, file), '-o', model).status).toBe(0);
    const { status, stdout, stderr } = run('verify', model, '--reference', reference, '--backend', 'node', '--json');
    expect(stdout, stderr).not.toBe('');
    const { taps, top1Agrees, passed } = JSON.parse(stdout);
    console.log(`${folder}/${file}: logits within ${taps[0].maxRelError.toExponential(2)} of the largest`);
    expect(taps.map(({ name }: { name: string }) => name)).toEqual(['logits']);
    expect([status, top1Agrees, passed]).toEqual([0, true, true]);
    expect(taps[0].maxRelError).toBeLessThan(1e-4);
  });
});
