/**
 * `bench --layouts`: the bottleneck and the 3×3 of DenseNet-121 with maps in our layout and in others, in turns, on an
 * adapter of this machine.
 */

import { present } from '../core/assert.js';
import { requestAdapter, requestDevice, traitsOf } from '../gpu/device.js';
import { packParams } from '../gpu/params.js';
import { Readback } from '../gpu/readback.js';
import { USAGE } from '../gpu/usage.js';
import { KERNELS } from '../kernels/manifest.generated.js';
import { shapeKey } from '../kernels/shape.js';
import { softwareTraits } from '../kernels/software.js';
import { kernelSource } from '../kernels/source.js';
import type { Traits } from '../kernels/variants.js';
import { familyConfig } from '../model/family.js';
import { planNetwork } from '../plan/network.js';
import type { StepOf } from '../plan/step.js';
import { compete, type Timed, Trial } from '../runtime/tune/sampler.js';
import { inLayout, LAYOUTS, type Layout, type LayoutKernel, placeOf } from './layout-texts.js';
import { randomInput } from './random-model.js';

export interface LayoutRow {
  readonly name: string;
  /** Of each layout, in the order of {@link LAYOUTS}. */
  readonly gigaflops: readonly number[];
}

type Convolution = { [K in LayoutKernel]: StepOf<K> }[LayoutKernel];

/** @throws WebGPUUnavailableError; Error when another layout computes something else, by a single bit */
export async function measureLayouts(gpu: GPU): Promise<LayoutRow[]> {
  const device = await requestDevice(await requestAdapter(gpu), { maxBufferSize: 0, maxStorageBufferBindingSize: 0 });
  const rows: LayoutRow[] = [];
  for (const step of middleSteps(device)) rows.push(await measureStep(device, step));
  device.destroy();
  return rows;
}

const ownTraits = (device: GPUDevice): Traits =>
  device.adapterInfo.isFallbackAdapter ? softwareTraits(traitsOf(device)) : traitsOf(device);

/** Of those that are tuned together, the middle one. */
function middleSteps(device: GPUDevice): Convolution[] {
  const options = { batch: 1, inputSize: [224, 224], activations: 'f32', traits: ownTraits(device) } as const;
  const groups = new Map<string, Convolution[]>();
  for (const step of planNetwork(familyConfig('densenet121'), options).steps) {
    if ((step.kernel !== 'conv1x1' && step.kernel !== 'conv3x3') || !step.shape) continue;
    const key = shapeKey(step.shape);
    groups.set(key, [...(groups.get(key) ?? []), step]);
  }
  return [...groups.values()].flatMap((steps) => steps.slice(steps.length >> 1, (steps.length >> 1) + 1));
}

async function measureStep(device: GPUDevice, step: Convolution): Promise<LayoutRow> {
  const bound = await Promise.all(LAYOUTS.map((layout) => bind(device, step, layout)));
  const trials = bound.map(({ timed }) => new Trial(device, timed));
  await compete(trials);
  const [ours, ...others] = await Promise.all(bound.map(({ read }) => read()));
  for (const [i, other] of others.entries())
    if (other.some((value, at) => value !== ours?.[at]))
      throw new Error(`${step.name} computes something else in ${LAYOUTS[i + 1]}`);
  for (const trial of trials) trial.dispose();
  return { name: step.name, gigaflops: trials.map(({ milliseconds }) => (2 * step.macs) / milliseconds / 1e6) };
}

interface Bound {
  readonly timed: Timed;
  /** The output, channel by channel, whatever the layout. */
  readonly read: () => Promise<Float32Array>;
}

async function bind(device: GPUDevice, step: Convolution, layout: Layout): Promise<Bound> {
  const { kernel, variant, workgroups } = step;
  const code = inLayout(layout, kernel, kernelSource(kernel, variant, { activations: 'f32', weights: 'f32' }));
  const module = device.createShaderModule({ code, label: `${step.name} in ${layout}` });
  const constants = { ...variant.overrides };
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module, constants } });
  const content = contentOf(step, layout);
  const buffers = Object.entries<string>(KERNELS[kernel].bindings).map(([name, kind]) => {
    const values = present(content.get(name), name);
    const usage = (kind === 'uniform' ? USAGE.UNIFORM : USAGE.STORAGE) | USAGE.COPY_DST | USAGE.COPY_SRC;
    const buffer = device.createBuffer({ label: name, size: values.byteLength, usage });
    device.queue.writeBuffer(buffer, 0, values);
    return buffer;
  });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  return {
    timed: {
      record(pass) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...workgroups);
      },
      dispose: () => buffers.forEach((buffer) => void buffer.destroy()),
    },
    async read() {
      const readback = new Readback(device);
      const encoder = device.createCommandEncoder();
      const ranges = buffers
        .filter(({ label }) => label === 'dst')
        .map((buffer) => ({ buffer, offset: 0, bytes: buffer.size }));
      const pending = readback.copy(encoder, ranges);
      device.queue.submit([encoder.finish()]);
      const [bytes = new Uint8Array()] = await pending.read();
      readback.dispose();
      return arranged(new Float32Array(bytes.slice().buffer), step, layout);
    },
  };
}

/** What the bindings hold at first: the same values in every layout. */
function contentOf(step: Convolution, layout: Layout): ReadonlyMap<string, ArrayBufferView<ArrayBuffer>> {
  const { kernel, params } = step;
  const src = { quads: params.inQuads, plane: params.srcPlane };
  const pixels = pixelsOf(step);
  const map = new Float32Array(4 * src.quads * src.plane);
  const place = placeOf(layout, src);
  for (const [i, value] of randomInput(4 * src.quads * pixels, 1).entries())
    map[place(Math.floor(i / pixels), i % pixels)] = value;
  return new Map(
    Object.entries({
      src: map,
      weights: randomInput(16 * (kernel === 'conv3x3' ? 9 : 1) * src.quads * params.outQuads, 2),
      norm: randomInput(8 * src.quads, 3),
      bias: randomInput(4 * params.outQuads, 4),
      dst: new Float32Array(4 * params.outQuads * params.dstPlane),
      params: packParams(kernel, params),
    }),
  );
}

/** The output in an order of its own. */
function arranged(stored: Float32Array, step: Convolution, layout: Layout): Float32Array {
  const { outQuads: quads, dstPlane: plane } = step.params;
  const pixels = pixelsOf(step);
  const place = placeOf(layout, { quads, plane });
  const valueAt = (_: unknown, i: number) => stored[place(Math.floor(i / pixels), i % pixels)] ?? Number.NaN;
  return Float32Array.from({ length: 4 * quads * pixels }, valueAt);
}

const pixelsOf = ({ shape }: Convolution): number => (shape ? shape.width * shape.height : 0);
