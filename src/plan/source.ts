/**
 * The WGSL text of one kernel variant: storage aliases for the precision, then the kernel, expanded for its tile.
 */
import { expand } from './expand.js';
import { KERNELS, PARTS } from './kernels.generated.js';
import type { KernelName, Variant } from './variants.js';

/** How feature maps and weights are stored; the arithmetic is f32 in all of them. */
export interface Precision {
  readonly activations: 'f32' | 'f16';
  readonly weights: 'f32' | 'f16';
}

/** A complete WGSL module. Directives come first, as the language demands. */
export function kernelSource(kernel: KernelName, variant: Variant, precision: Precision): string {
  const source: string = KERNELS[kernel].source;
  const sharesWeights = (variant.tile.SUBGROUP ?? 1) > 1;
  const parts: string[] = [PARTS[`activations_${precision.activations}`], PARTS[`weights_${precision.weights}`]];
  if ('SUBGROUP' in variant.tile && !sharesWeights) parts.push(PARTS.no_subgroup);
  const access = variant.inPlace ? source.replace('var<storage, read> src', 'var<storage, read_write> src') : source;
  parts.push(expand(sharesWeights ? access : withoutSubgroupLines(access), variant.tile));
  return directivesFirst(parts.join('\n'));
}

/** Identifies the pipeline of a variant within one precision. */
export function variantKey(kernel: KernelName, variant: Variant): string {
  const list = (values: Readonly<Record<string, number>>) =>
    Object.entries(values)
      .map(([k, v]) => `${k}=${v}`)
      .join();
  return [kernel, list(variant.tile), list(variant.overrides), variant.inPlace ? 'inPlace' : ''].join('|');
}

const withoutSubgroupLines = (source: string): string => source.replace(/^.*\/\/ subgroup$\n?/gm, '');

function directivesFirst(source: string): string {
  const directives = source.match(/^enable .*$/gm) ?? [];
  return `${directives.join('\n')}\n${source.replace(/^enable .*$/gm, '')}`;
}
