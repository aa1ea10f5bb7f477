/** LiteRT.js: the case's `.tflite`, wholly on one accelerator. */
import { asFloats, type Host, type Network, type Task } from '../peer.js';
import { channelsLast } from '../tfjs-model.js';

export async function openLitert(
  host: Host,
  task: Task,
  accelerator: 'webgpu' | 'wasm',
  threads: number,
): Promise<() => Promise<Network>> {
  const litert = await host.litert(threads);
  return async () => {
    const model = await litert.loadAndCompile(await host.read(task.files.tflite), {
      accelerator,
      cpuOptions: { numThreads: threads },
      gpuOptions: { precision: 'fp32' },
    });
    if (accelerator === 'webgpu' && !model.isFullyAccelerated)
      throw new Error('LiteRT.js would run parts of the model on the CPU');
    const [batch, channels, height, width] = task.shape;
    const input = channelsLast(asFloats(await host.read(task.files.input)), task.shape);
    return {
      async run() {
        const tensor = new litert.Tensor(input, [batch, height, width, channels]);
        const [output] = await model.run(tensor);
        tensor.delete();
        const logits = await output?.data();
        output?.delete();
        if (logits instanceof Float32Array) return logits;
        throw new Error('LiteRT.js gave no float32 logits');
      },
    };
  };
}
