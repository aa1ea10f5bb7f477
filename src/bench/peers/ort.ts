/** ONNX Runtime: its web builds and its Node addon, all optimisations on, fixed shapes. */
import type * as Ort from 'onnxruntime-web';
import { INPUT, LOGITS } from '../graph.js';
import { asFloats, type Host, type Network, type OrtBuild, type Task } from '../peer.js';

export interface OrtChoice {
  readonly build: OrtBuild;
  readonly provider: 'webgpu' | 'wasm' | 'cpu';
  readonly threads: number;
  /** Record the commands once and replay them; needs input and output in GPU buffers that stay. */
  readonly capture?: boolean;
}

export async function openOrt(host: Host, task: Task, choice: OrtChoice): Promise<() => Promise<Network>> {
  const ort = await host.ort(choice.build, choice.threads);
  return async () => {
    const capture = choice.capture ?? false;
    const session = await ort.InferenceSession.create(await host.read(task.files.onnx), {
      executionProviders: [choice.provider],
      graphOptimizationLevel: 'all',
      ...(choice.provider === 'cpu' ? { intraOpNumThreads: choice.threads } : {}),
      ...(capture ? { enableGraphCapture: true, preferredOutputLocation: 'gpu-buffer' } : {}),
    });
    const data = asFloats(await host.read(task.files.input));
    if (capture) return replayed(ort, session, task, data);
    return {
      async run() {
        const results = await session.run({ [INPUT]: new ort.Tensor('float32', data, task.shape) });
        return floats(results[LOGITS]?.data);
      },
    };
  };
}

async function replayed(
  ort: typeof Ort,
  session: Ort.InferenceSession,
  task: Task,
  data: Float32Array,
): Promise<Network> {
  const device = await ort.env.webgpu.device;
  const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
  const input = device.createBuffer({ size: data.byteLength, usage: STORAGE | COPY_SRC | COPY_DST });
  const feeds = { [INPUT]: ort.Tensor.fromGpuBuffer(input, { dataType: 'float32', dims: task.shape }) };
  return {
    async run() {
      device.queue.writeBuffer(input, 0, data.buffer, data.byteOffset, data.byteLength);
      const results = await session.run(feeds);
      return floats(await results[LOGITS]?.getData());
    },
  };
}

function floats(logits: unknown): Float32Array {
  if (logits instanceof Float32Array) return logits;
  throw new Error('the session gave no float32 logits');
}
