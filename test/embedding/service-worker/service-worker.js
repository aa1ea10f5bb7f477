import { DenseNet } from './densenet-webgpu.js';

let loading = null;

async function classify(address) {
  loading ??= DenseNet.load('model.safetensors');
  const net = await loading;
  const [best] = await net.classify(address);
  return `${best.label}, ${(100 * best.probability).toFixed(1)} %`;
}

addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('message', (event) => {
  event.waitUntil(classify(event.data).then((answer) => event.source.postMessage(answer)));
});
