import { DenseNet } from 'densenet-webgpu';

const net = await DenseNet.load('/model.safetensors', {
  cache: true,
  onProgress({ phase, loaded, total, fromCache }) {
    if (phase !== 'download') return;
    const share = total > 0 ? `${Math.round((100 * loaded) / total)} %` : `${loaded} bytes`;
    document.querySelector('p').textContent = `${share} ${fromCache ? 'from the cache' : 'from the network'}`;
  },
});
const [best] = await net.classify(document.querySelector('img'));
document.querySelector('output').textContent = `${best.label}, ${(100 * best.probability).toFixed(1)} %`;
