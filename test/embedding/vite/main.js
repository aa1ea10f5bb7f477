import { DenseNet } from 'densenet-webgpu';
import url from 'densenet-webgpu/weights/default.safetensors?url';

const net = await DenseNet.load(url);
const [best] = await net.classify(document.querySelector('img'));
document.querySelector('output').textContent = `${best.label}, ${(100 * best.probability).toFixed(1)} %`;
