import { DenseNet } from 'densenet-webgpu';
import sharp from 'sharp';

const net = await DenseNet.load(await Deno.readFile('model.safetensors'));
const { data, info } = await sharp('cat.png').ensureAlpha().raw().toBuffer({ resolveWithObject: true });
const [best] = await net.classify({ data, width: info.width, height: info.height });
console.log(`${best.label}, ${(100 * best.probability).toFixed(1)} %`);
net.dispose();
