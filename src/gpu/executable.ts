/**
 * A plan made real: one bind group per step over the session's buffers, every parameter in one uniform buffer.
 *
 * Made once per batch and input size; encoding it creates nothing.
 */
import { alignUp } from '../core/align.js';
import { assertDefined } from '../core/assert.js';
import { KERNELS } from '../kernels/manifest.generated.js';
import { regionNamed } from '../plan/arena.js';
import type { NetworkPlan } from '../plan/network.js';
import type { ExternalName, Source, Stage, Step } from '../plan/step.js';
import { tensorBytes } from './limits.js';
import { PARAMS_BYTES, packParams } from './params.js';
import type { PipelineCache } from './pipelines.js';
import type { Resources } from './resources.js';
import { USAGE } from './usage.js';

/** The arena's two buffers. */
export type Banks = readonly [GPUBuffer, GPUBuffer];

/** What the steps of every executable of a session bind. */
export interface Memory {
  readonly banks: Banks;
  /** Where a packed tensor lies. */
  readonly weightsOf: (name: string) => GPUBufferBinding;
}

/** Buffers of one executable. */
type Own = Readonly<Record<'params' | ExternalName, GPUBuffer>>;

interface Dispatch {
  readonly stage: Stage;
  readonly name: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

export class Executable {
  /** Every step in order, once it is bound. */
  dispatches: readonly Dispatch[] = [];

  private constructor(
    readonly plan: NetworkPlan,
    private readonly resources: Resources,
    private readonly own: Own,
  ) {}

  /** With memory of its own, not yet bound. @throws OutOfMemoryError; nothing is kept then */
  static async allocate(resources: Resources, plan: NetworkPlan): Promise<Executable> {
    const storage = USAGE.STORAGE | USAGE.COPY_DST;
    const { made, ready } = resources.allocate(() => ({
      params: resources.buffer('step parameters', plan.steps.length * PARAMS_BYTES, USAGE.UNIFORM | USAGE.COPY_DST),
      tensor: resources.buffer('input tensor', alignUp(tensorBytes(plan), 16), storage),
      classes: resources.buffer('classes to explain', alignUp(plan.options.batch * 4, 16), storage),
    }));
    resources.device.queue.writeBuffer(made.params, 0, paramsOf(plan));
    await ready;
    return new Executable(plan, resources, made);
  }

  /** Compiles what is not compiled yet, and binds every step, once. @throws ShaderError */
  async bind(device: GPUDevice, memory: Memory, pipelines: PipelineCache): Promise<void> {
    if (this.dispatches.length > 0) return;
    const { plan, own } = this;
    const compiled = await Promise.all(
      plan.steps.map(async (step) => ({ step, ...(await pipelines.get(step.kernel, step.variant)) })),
    );
    this.dispatches = compiled.map(({ step, pipeline, layout }, s): Dispatch => {
      const entries = Object.entries(KERNELS[step.kernel].bindings).map(([name, kind], binding): GPUBindGroupEntry => {
        const resource =
          kind === 'uniform'
            ? { buffer: own.params, offset: s * PARAMS_BYTES, size: PARAMS_BYTES }
            : resolve(sourceOf(step, name), plan, memory, own);
        return { binding, resource };
      });
      const bindGroup = device.createBindGroup({ label: step.name, layout, entries });
      return { stage: step.stage, name: step.name, pipeline, bindGroup, workgroups: step.workgroups };
    });
  }

  /**
   * One workgroup of every pipeline. Drivers compile when a pipeline is first dispatched (lavapipe for seconds), which is
   * not to happen in the first call. What it leaves in the arena is overwritten by every call.
   */
  encodeFirsts(pass: GPUComputePassEncoder): void {
    const firsts = new Map(this.dispatches.map((dispatch) => [dispatch.pipeline, dispatch]));
    for (const dispatch of firsts.values()) record(pass, { ...dispatch, workgroups: [1, 1, 1] });
  }

  /** Where an input tensor is written or copied to, [image][channel][pixel] of f32. */
  get tensor(): GPUBuffer {
    return this.own.tensor;
  }

  /** Where the classes to explain are written, one u32 per image. */
  get classes(): GPUBuffer {
    return this.own.classes;
  }

  /** Records the steps of the given stages, in order. */
  encode(pass: GPUComputePassEncoder, stages: ReadonlySet<Stage>): void {
    for (const dispatch of this.dispatches) if (stages.has(dispatch.stage)) record(pass, dispatch);
  }

  dispose(): void {
    this.resources.release(Object.values(this.own));
  }
}

function record(pass: GPUComputePassEncoder, dispatch: Dispatch): void {
  pass.setPipeline(dispatch.pipeline);
  pass.setBindGroup(0, dispatch.bindGroup);
  pass.dispatchWorkgroups(...dispatch.workgroups);
}

function sourceOf(step: Step, binding: string): Source {
  return assertDefined(new Map(Object.entries<Source>(step.bindings)).get(binding), binding);
}

function resolve(source: Source, plan: NetworkPlan, { banks, weightsOf }: Memory, own: Own): GPUBufferBinding {
  switch (source.at) {
    case 'external':
      return { buffer: own[source.name] };
    case 'weights':
      return weightsOf(source.name);
    case 'region': {
      const region = regionNamed(plan.arena.regions, source.name);
      const offset = source.offset ?? 0;
      return {
        buffer: banks[region.bank],
        offset: region.offset + offset,
        size: source.bytes ?? region.bytes - offset,
      };
    }
  }
}

/** One block of parameters per step. */
function paramsOf(plan: NetworkPlan): Uint8Array<ArrayBuffer> {
  const blocks = new Uint8Array(plan.steps.length * PARAMS_BYTES);
  for (const [s, step] of plan.steps.entries()) blocks.set(packParams(step.kernel, step.params), s * PARAMS_BYTES);
  return blocks;
}
