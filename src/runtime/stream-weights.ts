/** Folds and packs a model's weights while its file is received. */

import type { DenseNetConfig } from '../model/config.js';
import type { TensorMap } from '../tensor/tensor.js';
import { foldsOf } from '../weights/fold.js';
import { packPart, type WeightLayout, type WeightPart, type WeightRange, weightParts } from '../weights/pack.js';
import type { ModelStream } from './model-stream.js';

/** How long packing may keep the page from doing anything else. */
const SLICE_MS = 16;

/**
 * Folds and packs each part as soon as its tensors are there, in the order in which they come.
 *
 * @param canonical the stream's tensors under canonical names
 * @param packed of the layout's length; filled
 * @returns the ranges, as they are filled
 * @throws ModelFormatError when a value is bad; what ended the stream
 */
export async function* packStreamed(
  stream: ModelStream,
  canonical: TensorMap,
  config: DenseNetConfig,
  layout: WeightLayout,
  packed: ArrayBuffer,
): AsyncGenerator<WeightRange, void> {
  const folds = foldsOf(canonical, config);
  const ends = endsByModule(stream, canonical);
  const endOf = ({ modules }: WeightPart) => Math.max(...modules.map((module) => ends.get(module) ?? 0));
  const parts = weightParts(config).map((part) => ({ part, end: endOf(part) }));
  let since = Number.NEGATIVE_INFINITY;
  for (const { part, end } of parts.sort((a, b) => a.end - b.end)) {
    await stream.waitForBytes(end);
    if (performance.now() - since > SLICE_MS) {
      await new Promise((resolve) => setTimeout(resolve));
      since = performance.now();
    }
    yield* packPart(part, folds, layout, packed);
  }
  await stream.waitForEnd();
}

/** Canonical module name → where its last tensor ends in the body. */
function endsByModule(stream: ModelStream, canonical: TensorMap): Map<string, number> {
  const ends = new Map<string, number>();
  for (const [name, tensor] of canonical) {
    const module = name.slice(0, name.lastIndexOf('.'));
    ends.set(module, Math.max(ends.get(module) ?? 0, stream.endOf(tensor)));
  }
  return ends;
}
