import { DenseNet } from 'densenet-webgpu';

const video = document.querySelector('video');
const net = await DenseNet.load('/model.safetensors');
video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
await video.play();

// One call at a time: the next one takes the frame that is shown then.
while (video.srcObject.active) {
  const [best] = await net.classify(video);
  document.querySelector('output').textContent = `${best.label}, ${(100 * best.probability).toFixed(1)} %`;
  await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
}
net.dispose();
