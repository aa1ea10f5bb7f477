/**
 * Scores the default model on the CIFAR-10 test set through this package's own runtime, preprocessing included.
 *
 *   node weights/train/score.mjs cifar10-png.zip [MODEL]     (after `npm run build`; needs npm `webgpu` and a GPU driver)
 *
 * The archive holds `test/CLASS/*.png`, as for train.py.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import sharp from 'sharp';
import { create, globals } from 'webgpu';
import { DenseNet } from '../../dist/densenet-webgpu.js';

const BATCH = 50;
const [archive, model = fileURLToPath(new URL('../default.safetensors', import.meta.url))] = process.argv.slice(2);
if (!archive) {
  console.error('usage: node weights/train/score.mjs cifar10-png.zip [MODEL]');
  process.exit(2);
}

Object.assign(globalThis, globals);
const net = await DenseNet.load(readFileSync(model), { gpu: create([]), batch: BATCH });
const files = unzipSync(readFileSync(archive), { filter: ({ name }) => /^test\/.*\.png$/.test(name) });
const pictures = Object.entries(files);
let right = 0;
for (let at = 0; at < pictures.length; at += BATCH) {
  const some = pictures.slice(at, at + BATCH);
  const predictions = await net.classify(await Promise.all(some.map(([, png]) => decode(png))), { topK: 1 });
  right += some.filter(([name], i) => name.split('/')[1] === predictions[i][0].label).length;
  process.stderr.write(`\r${at + some.length} of ${pictures.length}`);
}
console.log(`\n${right} of ${pictures.length} right (${((100 * right) / pictures.length).toFixed(2)} %), ${net.adapter.description}`);
process.exit(0);

async function decode(png) {
  const { data, info } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), width: info.width, height: info.height };
}
