/**
 * Compute pipelines from the kernel manifest: one compilation per kernel variant, explicit bind group layouts.
 *
 * Knows kernels and their bindings; nothing of networks or plans.
 */

import { ShaderError } from '../core/errors.js';
import type { Precision } from '../kernels/machines.js';
import { KERNELS } from '../kernels/manifest.generated.js';
import { kernelSource } from '../kernels/source.js';
import { type KernelName, type Variant, variantKey } from '../kernels/variants.js';
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
  ) {}

  /** @throws ShaderError with line, column and text when the adapter's compiler refuses the kernel */
  get(kernel: KernelName, variant: Variant): Promise<Pipeline> {
    const key = variantKey(kernel, variant);
    let pipeline = this.compiled.get(key);
    if (!pipeline) {
      pipeline = this.compile(kernel, variant, key);
      this.compiled.set(key, pipeline);
      // A kernel that was refused once is compiled again when it is next asked for.
      pipeline.catch(() => this.compiled.delete(key));
    }
    return pipeline;
  }

  private async compile(kernel: KernelName, variant: Variant, label: string): Promise<Pipeline> {
    const code = kernelSource(kernel, variant, this.precision);
    const entries = layoutEntries(kernel, variant);
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
      throw new ShaderError(kernel, await describeCompileError(module, code, label, cause), { cause });
    }
  }
}

/** The kinds of binding that kernels have, as build.mjs finds them. */
type BindingKind = 'uniform' | 'storage' | 'read-only-storage' | 'texture';

function layoutEntries(kernel: KernelName, { inPlace }: Variant): GPUBindGroupLayoutEntry[] {
  return Object.entries<BindingKind>(KERNELS[kernel].bindings).map(([name, kind], binding) => {
    const entry = { binding, visibility: COMPUTE_STAGE };
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

/** Line, column and text of every error that the adapter's compiler reports for a kernel. */
async function describeCompileError(
  module: GPUShaderModule,
  code: string,
  label: string,
  cause: unknown,
): Promise<string> {
  const lines = code.split('\n');
  const { messages } = await module.getCompilationInfo();
  const errors = messages.filter((m) => m.type === 'error');
  const details = errors.map((m) => `${m.lineNum}:${m.linePos}: ${m.message}\n    ${lines[m.lineNum - 1] ?? ''}`);
  const reason = cause instanceof Error ? cause.message : String(cause);
  return `the kernel ${label} does not compile on this adapter: ${[reason, ...details].join('\n')}`;
}
