import { DenseNet, isDenseNetError } from 'densenet-webgpu';

const show = (text) => {
  document.querySelector('output').textContent = text;
};

async function start() {
  const support = await DenseNet.isSupported();
  if (!support.supported) return show(support.message);
  const net = await DenseNet.load('/model.safetensors', {
    onProgress: ({ phase, loaded, total }) => console.log(phase, loaded, total),
    onWarning: (warning) => console.warn(warning.message),
  });
  const [best] = await net.classify(document.querySelector('img'));
  show(`${best.label}, ${(100 * best.probability).toFixed(1)} %`);
}

start().catch((error) => {
  if (!isDenseNetError(error)) throw error;
  if (error.name === 'DownloadError') show(`The model is not there: ${error.message}`);
  else show(error.message);
});
