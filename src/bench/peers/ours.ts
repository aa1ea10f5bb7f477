/** This package, from its built bundle, as a user would call it. */
import type { LoadOptions, PreprocessSpec } from '../../index.js';
import { asFloats, type Host, type Network, type Task } from '../peer.js';

export async function openOurs(host: Host, task: Task, f16: boolean): Promise<() => Promise<Network>> {
  const { DenseNet } = await host.ours();
  return async () => {
    const { shape, files } = task;
    const [batch, , height, width] = shape;
    const model = await host.read(files.safetensors);
    const options: LoadOptions = {
      ...(f16 ? { precision: 'f16', weights: 'f16' } : { precision: 'f32' }),
      ...(host.gpu ? { gpu: host.gpu } : {}),
      batch,
      inputSize: [height, width],
    };
    const net = await DenseNet.load(model, options);
    const input = { data: asFloats(await host.read(files.input)), shape };
    const { vendor, architecture, description } = net.adapter;
    return {
      adapter: [vendor, architecture, description].filter((part) => part !== '').join(' '),
      run: async () => (await net.run(input)).logits,
      async profile() {
        const pictured = await DenseNet.load(model, { ...options, preprocess: AS_IT_IS });
        const found = await pictured.profile(grey(width, height));
        pictured.dispose();
        return found;
      },
    };
  };
}

/** Profiles take a picture; here one that fits already. */
const AS_IT_IS: PreprocessSpec = {
  resize: { kind: 'none' },
  crop: null,
  scale: 1 / 255,
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
  channelOrder: 'rgb',
};

/** Any picture will do: the time does not depend on the values. */
function grey(width: number, height: number): { data: Uint8Array; width: number; height: number } {
  return { data: new Uint8Array(4 * width * height).fill(128), width, height };
}
