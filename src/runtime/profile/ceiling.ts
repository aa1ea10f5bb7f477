/** What an adapter can do, measured: multiply-adds from registers, and bytes copied through memory. */
import { USAGE } from '../../gpu/usage.js';
import { PROBES } from './probes.generated.js';
import { timePasses } from './timestamps.js';

export interface Ceiling {
  /** f32, an `fma` counted as two operations. */
  readonly gflops: number;
  /** Read and written together. */
  readonly gigabytesPerSecond: number;
}

const WORKGROUP = 64;
/** Invocations of the fma probe: enough to fill the largest GPUs. */
const THREADS = WORKGROUP * 4096;
/** Operations of one round of one invocation: 8 chains of 4 lanes, two for each `fma`. */
const ROUND = 64;
/** Each of the two buffers that are copied: more than most caches hold, in no more workgroups than are allowed. */
const COPIED_BYTES = 48 * 2 ** 20;
/** A measurement of so many nanoseconds dwarfs the clock's steps, also where a browser rounds to 100 µs. */
const LONG_ENOUGH = 5e6;
const REPEATS = 3;
/** From so many rounds on, beginning and storing count for little beside them. */
const LEAST_ROUNDS = 64;
const MOST_ROUNDS = 2 ** 20;

/** @param device with `timestamp-query`; what is allocated on it is released */
export async function measureCeiling(device: GPUDevice): Promise<Ceiling> {
  const storage = (size: number) => device.createBuffer({ size, usage: USAGE.STORAGE });
  const rounds = device.createBuffer({ size: 16, usage: USAGE.UNIFORM | USAGE.COPY_DST });
  const [src, dst] = [storage(COPIED_BYTES), storage(COPIED_BYTES)];
  try {
    const [fma, copy] = await Promise.all([probe(device, 'fma', [dst, rounds]), probe(device, 'copy', [src, dst])]);
    const seconds = async (count: number) => {
      device.queue.writeBuffer(rounds, 0, new Uint32Array([count]));
      return (await fastest(device, (pass) => fma(pass, THREADS / WORKGROUP))) / 1e9;
    };
    let count = LEAST_ROUNDS;
    let time = await seconds(count);
    while (time < LONG_ENOUGH / 1e9 && count < MOST_ROUNDS) {
      count *= 4;
      time = await seconds(count);
    }
    const copying = await fastest(device, (pass) => copy(pass, COPIED_BYTES / 16 / WORKGROUP));
    return {
      gflops: (THREADS * ROUND * count) / Math.max(time, 1e-9) / 1e9,
      gigabytesPerSecond: (2 * COPIED_BYTES) / Math.max(copying, 1),
    };
  } finally {
    for (const buffer of [rounds, src, dst]) buffer.destroy();
  }
}

/** A compiled probe with its buffers bound in order: records a dispatch of so many workgroups. */
async function probe(device: GPUDevice, name: keyof typeof PROBES, buffers: readonly GPUBuffer[]) {
  const types = { fma: ['storage', 'uniform'], copy: ['read-only-storage', 'storage'] } as const;
  const entries = types[name].map((type, binding) => ({ binding, visibility: 4, buffer: { type } }));
  const layout = device.createBindGroupLayout({ entries });
  const pipeline = await device.createComputePipelineAsync({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module: device.createShaderModule({ code: PROBES[name] }), entryPoint: 'main' },
  });
  const bound = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const bindGroup = device.createBindGroup({ layout, entries: bound });
  return (pass: GPUComputePassEncoder, workgroups: number) => {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(workgroups);
  };
}

/** Nanoseconds of the fastest of some repeats: what disturbs a measurement makes it longer. */
async function fastest(device: GPUDevice, record: (pass: GPUComputePassEncoder) => void): Promise<number> {
  const times = await timePasses(device, Array<typeof record>(REPEATS).fill(record));
  const spans = Array.from({ length: REPEATS }, (_, r) => Number((times[2 * r + 1] ?? 0n) - (times[2 * r] ?? 0n)));
  return Math.min(...spans.filter((span) => span > 0));
}
