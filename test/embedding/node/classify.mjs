import { readFile } from 'node:fs/promises';
import { DenseNet } from 'densenet-webgpu';
import sharp from 'sharp';
import { create } from 'webgpu';

const net = await DenseNet.load(await readFile('model.safetensors'), { gpu: create([]) });
const { data, info } = await sharp('cat.png').ensureAlpha().raw().toBuffer({ resolveWithObject: true });
const [best] = await net.classify({ data, width: info.width, height: info.height });
console.log(`${best.label}, ${(100 * best.probability).toFixed(1)} %`);
net.dispose();
