/**
 * A plan made real: one bind group per step over the session's buffers, every parameter in one uniform buffer.
 *
 * Made once per batch and input size; encoding it creates nothing.
 */
import { present } from '../core/assert.js';
import { KERNELS } from '../kernels/manifest.generated.js';
import { type Arena, alignUp, regionNamed } from '../plan/arena.js';
import type { NetworkPlan } from '../plan/network.js';
import type { ExternalName, Source, Stage, Step } from '../plan/step.js';
import { allocate } from './buffers.js';
import { tensorBytes } from './limits.js';
import { PARAMS_BYTES, packParams } from './params.js';
import type { PipelineCache } from './pipelines.js';
import { USAGE } from './usage.js';
import type { GpuWeights } from './weights.js';

/** The arena's banks: two buffers, and textures where a plan uses them. */
export interface Banks {
  readonly banks: readonly [GPUBuffer, GPUBuffer, GPUTexture | null, GPUTexture | null];
  readonly bytes: Arena['bankBytes'];
}

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
    private readonly weights: GpuWeights,
    private readonly own: { readonly params: GPUBuffer; readonly tensor: GPUBuffer; readonly classes: GPUBuffer },
  ) {}

  /** With memory of its own, not yet bound. @throws OutOfMemoryError; nothing is kept then */
  static async allocate(device: GPUDevice, plan: NetworkPlan, weights: GpuWeights): Promise<Executable> {
    const storage = USAGE.STORAGE | USAGE.COPY_DST;
    const own = await allocate(device, (buffer) => ({
      params: buffer('step parameters', plan.steps.length * PARAMS_BYTES, USAGE.UNIFORM | USAGE.COPY_DST),
      tensor: buffer('input tensor', alignUp(tensorBytes(plan), 16), storage),
      classes: buffer('classes to explain', alignUp(plan.options.batch * 4, 16), storage),
    }));
    device.queue.writeBuffer(own.params, 0, paramsOf(plan, weights));
    return new Executable(plan, weights, own);
  }

  /** Compiles what is not compiled yet, and binds every step, once. @throws ShaderError */
  async bind(device: GPUDevice, { banks }: Banks, pipelines: PipelineCache): Promise<void> {
    if (this.dispatches.length > 0) return;
    const { plan, own, weights } = this;
    const compiled = await Promise.all(
      plan.steps.map(async (step) => ({ step, ...(await pipelines.get(step.kernel, step.variant)) })),
    );
    this.dispatches = compiled.map(({ step, pipeline, layout }, s): Dispatch => {
      const entries = Object.entries(KERNELS[step.kernel].bindings).map(([name, kind], binding): GPUBindGroupEntry => {
        const resource =
          kind === 'uniform'
            ? { buffer: own.params, offset: s * PARAMS_BYTES, size: PARAMS_BYTES }
            : resolve(sourceOf(step, name), plan, banks, weights, own);
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

function record(pass: GPUComputePassEncoder, dispatch: Dispatch): void {
  pass.setPipeline(dispatch.pipeline);
  pass.setBindGroup(0, dispatch.bindGroup);
  pass.dispatchWorkgroups(...dispatch.workgroups);
}

function sourceOf(step: Step, binding: string): Source {
  return present(new Map(Object.entries<Source>(step.bindings)).get(binding), binding);
}

function resolve(
  source: Source,
  plan: NetworkPlan,
  banks: Banks['banks'],
  weights: GpuWeights,
  external: Record<ExternalName, GPUBuffer>,
): GPUBindingResource {
  switch (source.at) {
    case 'external':
      return { buffer: external[source.name] };
    case 'weights':
      return weights.resource(source.name);
    case 'region': {
      const region = regionNamed(plan.arena.regions, source.name);
      const offset = source.offset ?? 0;
      const size = source.bytes ?? region.bytes - offset;
      const bank = present(banks[region.bank], source.name);
      return 'createView' in bank ? bank.createView() : { buffer: bank, offset: region.offset + offset, size };
    }
  }
}

/** One block of parameters per step. */
function paramsOf(plan: NetworkPlan, weights: GpuWeights): Uint8Array<ArrayBuffer> {
  const blocks = new Uint8Array(plan.steps.length * PARAMS_BYTES);
  for (const [s, step] of plan.steps.entries()) {
    const lead = weights.lead(plan, step);
    const at = s * PARAMS_BYTES;
    blocks.set(lead, at);
    blocks.set(packParams(step.kernel, step.params).subarray(0, PARAMS_BYTES - lead.length), at + lead.length);
  }
  return blocks;
}
