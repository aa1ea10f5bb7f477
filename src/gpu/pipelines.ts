/**
 * Compute pipelines from the kernel manifest: one compilation per kernel variant, explicit bind group layouts.
 *
 * Knows kernels and their bindings; nothing of networks or plans.
 */

import { ShaderError } from '../core/errors.js';
import { KERNELS } from '../kernels/manifest.generated.js';
import { kernelSource, type Precision } from '../kernels/source.js';
import { type KernelName, type Variant, variantKey } from '../kernels/variants.js';
import { explained } from '../runtime/apart.js';
import { COMPUTE_STAGE } from './usage.js';

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Compiles each variant once; compilations run in parallel. Lives as long as its device. */
export class PipelineCache {
  private readonly compiled = new Map<string, Promise<Pipeline>>();

  constructor(
    private readonly device: GPUDevice,
    private readonly precision: Precision,
    private readonly software?: typeof import('./software.js') | null,
  ) {}

  /** @throws ShaderError with line, column and text when the adapter's compiler refuses the kernel */
  get(kernel: KernelName, variant: Variant): Promise<Pipeline> {
    const key = variantKey(kernel, variant);
    let pipeline = this.compiled.get(key);
    if (!pipeline) {
      pipeline = this.compile(kernel, variant, key);
      this.compiled.set(key, pipeline);
    }
    return pipeline;
  }

  private async compile(kernel: KernelName, variant: Variant, label: string): Promise<Pipeline> {
    const { source } = KERNELS[kernel];
    const text: KernelText = this.software?.textOf(kernel, source, variant, this.precision) ?? { source };
    const code = kernelSource(kernel, variant, this.precision, text.source);
    const entries = layoutEntries(kernel, variant, text);
    const layout = this.device.createBindGroupLayout({ label, entries });
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
}

/** A kernel as it is compiled for a variant, before its tile is set. */
export interface KernelText {
  readonly source: string;
  /** The bindings that are textures here, with what a layout says of them. */
  readonly textures?: Readonly<Record<string, Pick<GPUBindGroupLayoutEntry, 'texture' | 'storageTexture'>>>;
}

/** The kinds of binding that kernels have, as build.mjs finds them. */
type BindingKind = 'uniform' | 'storage' | 'read-only-storage' | 'texture';

function layoutEntries(kernel: KernelName, { inPlace }: Variant, { textures }: KernelText): GPUBindGroupLayoutEntry[] {
  return Object.entries<BindingKind>(KERNELS[kernel].bindings).map(([name, kind], binding) => {
    const entry = { binding, visibility: COMPUTE_STAGE };
    if (textures?.[name]) return { ...entry, ...textures[name] };
    switch (kind) {
      case 'texture':
        return { ...entry, texture: {} };
      case 'read-only-storage':
        return { ...entry, buffer: { type: inPlace && name === 'src' ? 'storage' : kind } };
      default:
        return { ...entry, buffer: { type: kind } };
    }
  });
}
