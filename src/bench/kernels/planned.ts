/**
 * The kernels that a network's plan dispatches on a device: all that the lab knows of the planner and of the kernels.
 *
 * Runs where the device is, since the plan depends on its features and limits.
 */
import { capsOf } from '../../gpu/device.js';
import type { Precision } from '../../kernels/machines.js';
import { kernelSource } from '../../kernels/source.js';
import { variantKey } from '../../kernels/variants.js';
import { familyConfig } from '../../model/family.js';
import { planNetwork } from '../../plan/network.js';
import { layoutWeights } from '../../weights/pack.js';

export interface Network {
  readonly arch: string;
  readonly batch: number;
  readonly precision: 'f32' | 'f16';
}

/** One pipeline. */
export interface Kernel {
  /** What it is and how it was varied, on one line. */
  readonly label: string;
  readonly code: string;
  readonly entryPoint: string | null;
  /** Values of overrides. */
  readonly constants: Readonly<Record<string, number>>;
}

/** One dispatch of a pipeline. */
export interface Dispatch {
  readonly name: string;
  /** Index into the kernels. */
  readonly kernel: number;
  readonly workgroups: readonly [x: number, y: number, z: number];
  /** Multiply-adds that the layer's formula needs; 0 where it is no convolution. */
  readonly macs: number;
  /** Fields of the kernel's uniform struct, for the turns of its loops; `null` where they are not known by name. */
  readonly params: Readonly<Record<string, number>> | null;
  /** Uniform buffers as they were recorded, in u32 words, by `group,binding`. */
  readonly uniforms?: Readonly<Record<string, readonly number[]>>;
  /** Bytes of what is bound, each once; 0 where not known. */
  readonly bytes: number;
}

export interface Work {
  readonly kernels: readonly Kernel[];
  readonly dispatches: readonly Dispatch[];
}

/** The dispatches of one inference, input tensor to logits. @throws OptionError for an unknown architecture */
export function plannedWork(device: GPUDevice, { arch, batch, precision }: Network): Work {
  const config = familyConfig(arch);
  const side = config.stem === 'imagenet' ? 224 : 32;
  const stored: Precision = { activations: precision, weights: precision };
  const plan = planNetwork(config, {
    batch,
    inputSize: [side, side],
    ...stored,
    caps: capsOf(device),
  });
  const { ranges } = layoutWeights(config, precision);
  const regions = new Map(plan.arena.regions.map(({ name, bytes }) => [name, bytes]));
  const kernels: Kernel[] = [];
  const known = new Map<string, number>();
  const steps = plan.steps.filter(({ stage }) => stage === 'input' || stage === 'network');
  const dispatches = steps.map(({ name, kernel, variant, bindings, params, workgroups, macs }): Dispatch => {
    const key = variantKey(kernel, variant);
    const index = known.get(key) ?? kernels.length;
    if (index === kernels.length) {
      const code = kernelSource(kernel, variant, stored);
      kernels.push({ label: labelOf(kernel, variant.tile), code, entryPoint: 'main', constants: variant.overrides });
      known.set(key, index);
    }
    const bytes = Object.values(bindings).reduce((total, source) => {
      if (source.at === 'weights') return total + (ranges.get(source.name)?.bytes ?? 0);
      if (source.at === 'region') return total + (source.bytes ?? regions.get(source.name) ?? 0);
      return total;
    }, 0);
    return { name, kernel: index, workgroups, macs, params, bytes };
  });
  return { kernels, dispatches };
}

const labelOf = (kernel: string, tile: Readonly<Record<string, number>>): string =>
  [kernel, ...Object.entries(tile).map(([name, value]) => `${name}=${value}`)].join(' ');
