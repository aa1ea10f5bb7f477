/** Every variant of a kernel that plans of three kinds of network use or may be tuned to, on adapters of every row. */

import { KERNELS } from '../../src/kernels/manifest.generated.js';
import { candidates, type KernelName, type Variant, variantKey } from '../../src/kernels/variants.js';
import { familyConfig } from '../../src/model/family.js';
import { planNetwork } from '../../src/plan/network.js';
import { CAPS, F32 } from './cases.js';

const NETWORKS = [
  ['densenet121', 224],
  ['densenet-bc-100-12', 32],
  ['densenet-40-12', 32],
] as const;

export const kernelNames = Object.keys(KERNELS).filter((name): name is KernelName => name in KERNELS);

const planned = new Map<string, { readonly kernel: KernelName; readonly variant: Variant }>();
for (const [name, side] of NETWORKS) {
  for (const caps of CAPS) {
    const options = { batch: 1, inputSize: [side, side], ...F32, taps: true, caps } as const;
    for (const { kernel, variant, shape } of planNetwork(familyConfig(name), options).steps)
      for (const each of shape ? candidates(shape, caps, F32) : [variant])
        planned.set(variantKey(kernel, each), { kernel, variant: each });
  }
}

/** Kernels of preprocessing, which no plan of a network has, have one variant. */
export function plannedVariants(name: KernelName): readonly Variant[] {
  const variants = [...planned.values()].flatMap(({ kernel, variant }) => (kernel === name ? [variant] : []));
  return variants.length > 0 ? variants : [{ tile: {}, overrides: {} }];
}
