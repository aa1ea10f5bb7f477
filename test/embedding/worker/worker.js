import { DenseNet } from 'densenet-webgpu';

const loading = DenseNet.load('/model.safetensors');

addEventListener('message', async ({ data }) => {
  const net = await loading;
  const [best] = await net.classify(data);
  postMessage(`${best.label}, ${(100 * best.probability).toFixed(1)} %`);
});
