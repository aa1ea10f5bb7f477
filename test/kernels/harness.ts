/**
 * Runs one kernel variant on a real GPU through the production path: the same source assembly, layouts and parameter
 * packing as a plan's steps.
 */

import { alignUp } from '../../src/core/align.js';
import { packParams } from '../../src/gpu/params.js';
import { PipelineCache } from '../../src/gpu/pipelines.js';
import { USAGE } from '../../src/gpu/usage.js';
import type { Precision } from '../../src/kernels/machines.js';
import { KERNELS } from '../../src/kernels/manifest.generated.js';
import type { KernelName, Variant } from '../../src/kernels/variants.js';
import { BINDING_ALIGNMENT } from '../../src/plan/arena.js';
import { float32ToFloat16 } from '../../src/tensor/float16.js';

export const F32: Precision = { activations: 'f32', weights: 'f32' };
export const F16: Precision = { activations: 'f16', weights: 'f16' };

export interface KernelRun {
  readonly kernel: KernelName;
  readonly variant: Variant;
  readonly precision: Precision;
  /** By binding name; what is written starts as given and comes back. */
  readonly buffers: Readonly<Record<string, Float32Array | Uint32Array>>;
  /** Bindings stored as quads of activations or weights, which are halves in f16. */
  readonly halves?: readonly string[];
  readonly params: Readonly<Record<string, number>>;
  readonly workgroups: readonly [number, number, number];
  readonly output: string;
  /** `dst` is a range of the buffer of `src`, as in a dense block, and starts behind the content of `src`. */
  readonly inPlace?: boolean;
}

/** Compiles a variant once per device, as a session does. */
const caches = new WeakMap<GPUDevice, Map<string, PipelineCache>>();

function cacheOf(device: GPUDevice, precision: Precision): PipelineCache {
  const key = `${precision.activations} ${precision.weights}`;
  const ofDevice = caches.get(device) ?? new Map<string, PipelineCache>();
  caches.set(device, ofDevice);
  const cache = ofDevice.get(key) ?? new PipelineCache(device, precision);
  ofDevice.set(key, cache);
  return cache;
}

/** From now on the device compiles changed text, to show that a test would notice a defect. */
export function changeSource(device: GPUDevice, change: (source: string) => string): void {
  const create = device.createShaderModule.bind(device);
  device.createShaderModule = ({ code, ...rest }) => {
    const changed = change(code);
    if (changed === code) throw new Error('the change finds nothing to change in the kernel');
    return create({ ...rest, code: changed });
  };
}

/** The output binding's bytes after one dispatch, as f32 (widened from f16 where it is stored so). */
export async function runKernel(device: GPUDevice, run: KernelRun): Promise<Float32Array> {
  const { pipeline, layout } = await cacheOf(device, run.precision).get(run.kernel, run.variant);
  const halves = new Set(run.halves ?? []);
  const bound = new Map<string, GPUBufferBinding & { readonly size: number }>();
  const entries = Object.entries(KERNELS[run.kernel].bindings).map(([name, kind], binding): GPUBindGroupEntry => {
    const content = kind === 'uniform' ? packParams(run.kernel, run.params) : stored(name, run, halves);
    const size = Math.ceil(content.byteLength / 16) * 16;
    const usage = (kind === 'uniform' ? USAGE.UNIFORM : USAGE.STORAGE) | USAGE.COPY_DST | USAGE.COPY_SRC;
    const behind = name === 'dst' && run.inPlace ? bound.get('src') : undefined;
    const offset = behind ? alignUp(behind.size, BINDING_ALIGNMENT) : 0;
    const room = name === 'src' && run.inPlace ? BINDING_ALIGNMENT + 4 * (run.buffers.dst?.length ?? 0) : 0;
    const buffer = behind?.buffer ?? device.createBuffer({ label: name, size: size + room, usage });
    device.queue.writeBuffer(buffer, offset, content);
    bound.set(name, { buffer, offset, size });
    return { binding, resource: { buffer, offset, size } };
  });
  const output = bound.get(run.output);
  if (!output) throw new Error(`${run.kernel} has no binding ${run.output}`);
  const { size } = output;
  const staging = device.createBuffer({ size, usage: USAGE.MAP_READ | USAGE.COPY_DST });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
  pass.dispatchWorkgroups(...run.workgroups);
  pass.end();
  encoder.copyBufferToBuffer(output.buffer, output.offset ?? 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  const bytes = staging.getMappedRange().slice(0);
  for (const { buffer } of [...bound.values(), { buffer: staging }]) buffer.destroy();
  const length = run.buffers[run.output]?.length ?? 0;
  return halves.has(run.output) && run.precision.activations === 'f16'
    ? Float32Array.from(new Uint16Array(bytes).subarray(0, length), fromHalf)
    : new Float32Array(bytes).subarray(0, length);
}

function stored(
  name: string,
  run: KernelRun,
  halves: ReadonlySet<string>,
): Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
  const values = run.buffers[name];
  if (!values) throw new Error(`no content for the binding ${name}`);
  const precision = name === 'weights' ? run.precision.weights : run.precision.activations;
  if (values instanceof Float32Array && halves.has(name) && precision === 'f16')
    return Uint16Array.from(float32ToFloat16(name, values));
  return values instanceof Float32Array ? Float32Array.from(values) : Uint32Array.from(values);
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** A seeded stream of numbers in −1…1 (mulberry32), so that a failure can be repeated. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

export const randoms = (count: number, next: () => number): Float32Array => Float32Array.from({ length: count }, next);

/** Rounds to what f16 storage keeps, so that the reference sees the same operands. */
export const asStored = (values: Float32Array, precision: 'f32' | 'f16'): Float32Array =>
  precision === 'f32' ? values : Float32Array.from(float32ToFloat16('values', values), fromHalf);
