/** The WGSL text of one kernel variant: files of shaders/ joined behind the tile's constants, loops over them unrolled. */
import type { Precision } from './machines.js';
import { PARTS, SOURCES } from './manifest.generated.js';
import { unroll } from './unroll.js';
import type { KernelName, PartName, Variant } from './variants.js';

/** A complete WGSL module. Directives come first, as the language demands. */
export function kernelSource(kernel: KernelName, variant: Variant, { activations, weights }: Precision): string {
  const names: PartName[] = [`activations_${activations}`, `weights_${weights}`, ...(variant.parts ?? [])];
  const parts = names.map((name) => PARTS[name]);
  const constants = Object.entries(variant.tile).map(([name, value]) => `const ${name} = ${value}u;`);
  const text = [...constants, ...parts.map(({ source }) => source), SOURCES[kernel]].join('\n');
  const directives = new Set(parts.flatMap((part) => part.directives));
  return [...directives, unroll(text)].join('\n');
}
