/** transformers.js for `bench --pictures`: installed once, to this project's cache; and the model as it reads one. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE } from '../../cli/files.js';
import { note } from '../../cli/terminal.js';
import type { PreprocessSpec } from '../../preprocess/spec.js';
import { readModel } from '../../weights/model-file.js';
import { operations } from '../graph.js';
import { onnxModel } from '../onnx.js';

const MANIFESTS = join(PACKAGE, 'src/bench/pictures/transformers');
const CACHE = join(PACKAGE, '.cache/transformers');
const PACKAGES = join(CACHE, 'node_modules');
/** What transformers.js calls the input of an image classifier. */
const INPUT = 'pixel_values';

/** URL prefix → folder. */
export const TRANSFORMERS_FOLDERS: Readonly<Record<string, string>> = {
  '/transformers/': join(PACKAGES, '@huggingface/transformers/dist'),
  '/transformers-ort/': join(PACKAGES, 'onnxruntime-web/dist'),
};

/** Installs the packages of the lock file, unless they are there. @throws Error with what npm said */
export function installTransformers(): void {
  const lock = readFileSync(join(MANIFESTS, 'package-lock.json'));
  const hash = createHash('sha256').update(lock).digest('hex');
  const stamp = join(CACHE, 'installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  const npm = process.env.npm_execpath;
  if (!npm) throw new Error('npm is needed to install it: run this through npm, as "npm run bench -- --pictures"');
  note('Installing transformers.js to .cache/transformers (once; 480 MB) …');
  mkdirSync(CACHE, { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(MANIFESTS, file), join(CACHE, file));
  const args = [npm, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: CACHE, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ci failed: ${stderr}`);
  writeFileSync(stamp, hash);
}

/** The versions of transformers.js and of the ONNX Runtime Web that it comes with. */
export function transformersVersions(): Readonly<Record<string, string>> {
  const names = ['@huggingface/transformers', 'onnxruntime-web'];
  return Object.fromEntries(
    names.map((name) => [name, JSON.parse(readFileSync(join(PACKAGES, name, 'package.json'), 'utf8')).version]),
  );
}

/** The files of a model on the Hub, by URL: the same network and preprocessing as ours. */
export function hubFiles(
  safetensors: Uint8Array,
  { resize, crop, scale, mean, std }: PreprocessSpec,
  [height, width]: readonly [height: number, width: number],
): ReadonlyMap<string, Uint8Array | string> {
  if (resize.kind !== 'shorterSide' || crop === null) throw new Error('this preprocessing is not written');
  const { folded } = readModel(safetensors);
  const { config } = folded;
  const labels = Array.from({ length: config.classes }, (_, index) => [index, `LABEL_${index}`]);
  // transformers.js knows no DenseNet; a ResNet's class does the same: pixel values in, logits out.
  const model = { model_type: 'resnet', architectures: ['ResNetForImageClassification'] };
  const processor = {
    image_processor_type: 'ViTImageProcessor',
    ...{ do_resize: true, size: { shortest_edge: resize.size }, resample: 2 },
    ...{ do_center_crop: true, crop_size: { height: crop[0], width: crop[1] } },
    ...{ do_rescale: true, rescale_factor: scale, do_normalize: true, image_mean: mean, image_std: std },
  };
  const shape = [1, config.inChannels, height, width];
  return new Map<string, Uint8Array | string>([
    ['/models/densenet/config.json', JSON.stringify({ ...model, id2label: Object.fromEntries(labels) })],
    ['/models/densenet/preprocessor_config.json', JSON.stringify(processor)],
    ['/models/densenet/onnx/model.onnx', onnxModel(operations(folded), shape, config.classes, INPUT)],
  ]);
}
