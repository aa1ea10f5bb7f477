/**
 * Compute pipelines from the kernel manifest: one compilation per kernel variant, explicit bind group layouts.
 *
 * Knows kernels and their bindings; nothing of networks or plans.
 */
import { explained } from '../apart.js';
import { ShaderError } from '../errors.js';
import { KERNELS } from '../plan/kernels.generated.js';
import { kernelSource, type Precision } from '../plan/source.js';
import { type KernelName, type Variant, variantKey } from '../plan/variants.js';

/** `GPUShaderStage.COMPUTE`, by value: the package relies on no global. */
const COMPUTE_STAGE = 4;

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Compiles each variant once; compilations run in parallel. Lives as long as its device. */
export class PipelineCache {
  private readonly compiled = new Map<string, Promise<Pipeline>>();
  private readonly layouts = new Map<string, GPUBindGroupLayout>();

  constructor(
    private readonly device: GPUDevice,
    private readonly precision: Precision,
  ) {}

  /** Distinct pipelines asked for so far. */
  get size(): number {
    return this.compiled.size;
  }

  /** @throws ShaderError with line, column and text when the adapter's compiler refuses the kernel */
  get(kernel: KernelName, variant: Variant): Promise<Pipeline> {
    const key = variantKey(kernel, variant);
    let pipeline = this.compiled.get(key);
    if (!pipeline) {
      pipeline = this.compile(kernel, variant);
      this.compiled.set(key, pipeline);
    }
    return pipeline;
  }

  private async compile(kernel: KernelName, variant: Variant): Promise<Pipeline> {
    const code = kernelSource(kernel, variant, this.precision);
    const label = variantKey(kernel, variant);
    const layout = this.layout(kernel, variant);
    const module = this.device.createShaderModule({ code, label });
    try {
      const pipeline = await this.device.createComputePipelineAsync({
        label,
        layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main', constants: { ...variant.overrides } },
      });
      return { pipeline, layout };
    } catch (cause) {
      const [message] = await explained(async ({ whyRefused }) => [await whyRefused(module, code, label, cause)]);
      throw new ShaderError(kernel, message, { cause });
    }
  }

  private layout(kernel: KernelName, variant: Variant): GPUBindGroupLayout {
    const key = variant.inPlace ? `${kernel}|inPlace` : kernel;
    let layout = this.layouts.get(key);
    if (!layout) {
      layout = this.device.createBindGroupLayout({ label: key, entries: layoutEntries(kernel, variant) });
      this.layouts.set(key, layout);
    }
    return layout;
  }
}

/** The kinds of binding that kernels have, as build.mjs finds them. */
type BindingKind = 'uniform' | 'storage' | 'read-only-storage' | 'texture' | 'external-texture';

function layoutEntries(kernel: KernelName, variant: Variant): GPUBindGroupLayoutEntry[] {
  return Object.entries<BindingKind>(KERNELS[kernel].bindings).map(([name, kind], binding) => {
    const entry = { binding, visibility: COMPUTE_STAGE };
    switch (kind) {
      case 'texture':
        return { ...entry, texture: {} };
      case 'external-texture':
        return { ...entry, externalTexture: {} };
      case 'read-only-storage':
        return { ...entry, buffer: { type: variant.inPlace && name === 'src' ? 'storage' : kind } };
      default:
        return { ...entry, buffer: { type: kind } };
    }
  });
}
