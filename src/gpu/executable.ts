/**
 * A plan made real: one bind group per step over the session's buffers, every parameter in one uniform buffer.
 *
 * Made once per batch and input size; encoding it creates nothing.
 */
import { alignUp, regionNamed } from '../plan/arena.js';
import { KERNELS } from '../plan/kernels.generated.js';
import type { NetworkPlan } from '../plan/network.js';
import type { ExternalName, Source, Stage, Step } from '../plan/step.js';
import type { WeightLayout } from '../weights/pack.js';
import { allocate } from './buffers.js';
import { writeParams } from './params.js';
import type { PipelineCache } from './pipelines.js';
import { USAGE } from './usage.js';

/** Default `minUniformBufferOffsetAlignment`. */
const UNIFORM_ALIGNMENT = 256;

export interface SharedBuffers {
  readonly banks: readonly [GPUBuffer, GPUBuffer];
  readonly weights: GPUBuffer;
  readonly weightLayout: WeightLayout;
}

interface Dispatch {
  readonly stage: Stage;
  readonly name: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

export class Executable {
  private constructor(
    readonly plan: NetworkPlan,
    readonly dispatches: readonly Dispatch[],
    private readonly own: { readonly params: GPUBuffer; readonly tensor: GPUBuffer; readonly classes: GPUBuffer },
  ) {}

  /** @throws ShaderError, OutOfMemoryError, LimitError; nothing is kept then */
  static async create(
    device: GPUDevice,
    plan: NetworkPlan,
    shared: SharedBuffers,
    pipelines: PipelineCache,
  ): Promise<Executable> {
    const { batch, inputSize } = plan.options;
    const tensorBytes = batch * plan.config.inChannels * inputSize[0] * inputSize[1] * 4;
    const compiled = await Promise.all(plan.steps.map((step) => pipelines.get(step.kernel, step.variant)));
    const [params, tensor, classes] = await allocate(device, [
      { label: 'step parameters', size: plan.steps.length * UNIFORM_ALIGNMENT, usage: USAGE.UNIFORM | USAGE.COPY_DST },
      { label: 'input tensor', size: alignUp(tensorBytes, 16), usage: USAGE.STORAGE | USAGE.COPY_DST },
      { label: 'classes to explain', size: alignUp(batch * 4, 16), usage: USAGE.STORAGE | USAGE.COPY_DST },
    ]);
    if (!params || !tensor || !classes) throw new RangeError('allocate() returns a buffer per request');
    device.queue.writeBuffer(params, 0, packParams(plan.steps));
    const external: Record<ExternalName, GPUBuffer> = { tensor, classes };
    const dispatches = plan.steps.map((step, s): Dispatch => {
      const { pipeline, layout } = compiled[s] ?? {};
      if (!pipeline || !layout) throw new RangeError('a step has no pipeline');
      const entries = KERNELS[step.kernel].bindings.map(({ binding, name, kind }): GPUBindGroupEntry => {
        const resource =
          kind === 'uniform'
            ? { buffer: params, offset: s * UNIFORM_ALIGNMENT, size: KERNELS[step.kernel].paramsBytes }
            : resolve(sourceOf(step, name), plan, shared, external);
        return { binding, resource };
      });
      const bindGroup = device.createBindGroup({ label: step.name, layout, entries });
      return { stage: step.stage, name: step.name, pipeline, bindGroup, workgroups: step.workgroups };
    });
    return new Executable(plan, dispatches, { params, tensor, classes });
  }

  /** Where an input tensor is written or copied to, [image][channel][pixel] of f32. */
  get tensor(): GPUBuffer {
    return this.own.tensor;
  }

  /** Where the classes to explain are written, one u32 per image. */
  get classes(): GPUBuffer {
    return this.own.classes;
  }

  /** GPU bytes beyond the session's arena and weights. */
  get bytes(): number {
    return this.own.params.size + this.own.tensor.size + this.own.classes.size;
  }

  /** Records the steps of the given stages, in order. */
  encode(pass: GPUComputePassEncoder, stages: ReadonlySet<Stage>): void {
    for (const dispatch of this.dispatches) if (stages.has(dispatch.stage)) record(pass, dispatch);
  }

  dispose(): void {
    for (const buffer of Object.values(this.own)) buffer.destroy();
  }
}

export function record(pass: GPUComputePassEncoder, dispatch: Dispatch): void {
  pass.setPipeline(dispatch.pipeline);
  pass.setBindGroup(0, dispatch.bindGroup);
  pass.dispatchWorkgroups(...dispatch.workgroups);
}

function sourceOf(step: Step, binding: string): Source {
  const source = Object.entries(step.bindings).find(([name]) => name === binding)?.[1];
  if (!source) throw new RangeError(`step ${step.name} binds nothing to ${binding}`);
  return source;
}

function resolve(
  source: Source,
  plan: NetworkPlan,
  shared: SharedBuffers,
  external: Record<ExternalName, GPUBuffer>,
): GPUBufferBinding {
  switch (source.at) {
    case 'external':
      return { buffer: external[source.name] };
    case 'weights': {
      const range = shared.weightLayout.ranges.get(source.name);
      if (!range) throw new RangeError(`the weights have no range "${source.name}"`);
      return { buffer: shared.weights, offset: range.offset, size: range.bytes };
    }
    case 'region': {
      const region = regionNamed(plan.arena.regions, source.name);
      const offset = source.offset ?? 0;
      const size = source.bytes ?? region.bytes - offset;
      return { buffer: shared.banks[region.bank], offset: region.offset + offset, size };
    }
  }
}

/** One aligned block of parameters per step, by the offsets of the kernel's uniform struct. */
function packParams(steps: readonly Step[]): ArrayBuffer {
  const bytes = new ArrayBuffer(steps.length * UNIFORM_ALIGNMENT);
  for (const [s, step] of steps.entries()) {
    writeParams(
      new DataView(bytes, s * UNIFORM_ALIGNMENT, UNIFORM_ALIGNMENT),
      KERNELS[step.kernel].params,
      step.params,
    );
  }
  return bytes;
}
