/** This package, from its built bundle, as a user would call it. */
import type { LoadOptions, NetworkPlan, PreprocessSpec } from '../../index.js';
import { machineFor } from '../../kernels/machines.js';
import { adapterName } from '../disguise.js';
import { asFloats, type Host, type KernelRow, type Network, type Task } from '../peer.js';

export async function openOurs(host: Host, task: Task, chosen: LoadOptions): Promise<() => Promise<Network>> {
  const { DenseNet } = await host.ours();
  return async () => {
    const { shape, files } = task;
    const [batch, , height, width] = shape;
    const model = await host.read(files.safetensors);
    const options: LoadOptions = {
      ...chosen,
      ...(host.gpu ? { gpu: host.gpu } : {}),
      batch,
      inputSize: [height, width],
    };
    const net = await DenseNet.load(model, options);
    const input = { data: asFloats(await host.read(files.input)), shape };
    return {
      adapter: adapterName(net.adapter),
      row: rowOf(net.plan),
      run: async () => (await net.run(input)).logits,
      async profile() {
        const withPreprocess = await DenseNet.load(model, { ...options, preprocess: UNCHANGED });
        const found = await withPreprocess.profile(gray(width, height));
        withPreprocess.dispose();
        return found;
      },
    };
  };
}

function rowOf({ options }: NetworkPlan): KernelRow {
  const { caps, activations, weights = 'f32' } = options;
  const { name } = machineFor(caps, { activations, weights });
  return { family: caps.isSoftware ? 'software row' : 'GPU row', name };
}

/** `profile` takes an image; this one fits already. */
const UNCHANGED: PreprocessSpec = {
  resize: { kind: 'none' },
  crop: null,
  scale: 1 / 255,
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
  channelOrder: 'rgb',
};

/** The time does not depend on the values. */
function gray(width: number, height: number): { data: Uint8Array; width: number; height: number } {
  return { data: new Uint8Array(4 * width * height).fill(128), width, height };
}
