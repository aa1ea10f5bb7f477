/**
 * The WGSL text of one kernel variant: storage aliases for the precision, then the kernel, expanded for its tile.
 */
import { expand } from './expand.js';
import { KERNELS, PARTS } from './manifest.generated.js';
import type { KernelName, Variant } from './variants.js';

/** How feature maps and weights are stored; the arithmetic is f32 in all of them. */
export interface Precision {
  readonly activations: 'f32' | 'f16';
  readonly weights: 'f32' | 'f16';
}

/** A complete WGSL module. Directives come first, as the language demands. */
export function kernelSource(kernel: KernelName, variant: Variant, precision: Precision): string {
  const source: string = KERNELS[kernel].source;
  const parts: string[] = [PARTS[`activations_${precision.activations}`], PARTS[`weights_${precision.weights}`]];
  const { SUBGROUP: lanes, SLICES, STAGED } = variant.tile;
  if (source.includes('loadWeight(')) parts.push(PARTS.buffered);
  if (lanes === 1) parts.push(PARTS.no_subgroup);
  if (source.includes('normOf(')) parts.push(normPart(lanes));
  const marks = [lanes !== undefined && lanes > 1 && 'subgroup', SLICES && 'sliced', STAGED ? 'staged' : 'direct'];
  parts.push(expand(marked(sharing(bound(source, variant), lanes ?? 1), marks), variant.tile));
  if (SLICES) parts.push(PARTS.sliced);
  if (STAGED) parts.push(PARTS.staged);
  return directivesFirst(parts.join('\n'));
}

/** How the lanes that share weights share norms. */
function normPart(lanes = 1): string {
  if (lanes < 4) return PARTS.norm_alone;
  return lanes < 8 ? PARTS.norm_shared : PARTS.norm_shared8;
}

/** With the declaration of a source that is written elsewhere. */
function bound(source: string, { inPlace }: Variant): string {
  return inPlace ? source.replace('var<storage, read> src', 'var<storage, read_write> src') : source;
}

/** Within four lanes a broadcast is a shuffle on every adapter; SwiftShader's wider one is a search for the lane. */
function sharing(source: string, lanes: number): string {
  return lanes > 1 && lanes <= 4 ? source.replaceAll('subgroupBroadcast(', 'quadBroadcast(') : source;
}

const MARKED = /^.*\/\/ (?:unroll )?(subgroup|sliced|staged|direct)$\n?/gm;

/** Without the lines that are marked otherwise, which are other variants'. */
const marked = (source: string, marks: readonly unknown[]): string =>
  source.replace(MARKED, (line, mark) => (marks.includes(mark) ? line : ''));

function directivesFirst(source: string): string {
  const directives = source.match(/^enable .*$/gm) ?? [];
  return `${directives.join('\n')}\n${source.replace(/^enable .*$/gm, '')}`;
}
