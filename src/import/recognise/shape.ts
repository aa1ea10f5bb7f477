/** The shape of what stands at a place, as far as the graph says it. */

import type { Node } from '../graph/node.js';
import { channelsOf } from './block.js';
import { type Place, unexpected } from './graph-state.js';

type Shape = readonly (number | null)[];

/** `null` where the graph leaves a dimension open; the first always is, since pictures come in batches. */
export function shapeAt(node: Node, place: Place): Shape {
  switch (place.at) {
    case 'input':
      return place.dims;
    case 'features':
      return [null, place.parts.reduce((sum, { channels }) => sum + channels, 0), ...place.size];
    case 'normed':
    case 'activated':
    case 'averaged':
      return [null, channelsOf(place.from), ...place.size];
    case 'reduced':
      return [null, place.conv.out, ...place.size];
    case 'pooled':
      return vector(channelsOf(place.from), place.rank);
    case 'logits':
      return vector(place.weight.shape[0] ?? 0, place.rank);
    default:
      throw unexpected(node, place);
  }
}

const vector = (length: number, rank: 2 | 4): Shape => (rank === 2 ? [null, length] : [null, length, 1, 1]);

/** Whether a `Reshape` to `target` changes nothing: 0 keeps a dimension, and one may be left to be found (-1). */
export function isShape(target: Shape, shape: Shape): boolean {
  if (target.length !== shape.length) return false;
  return target.every((dimension, axis) => {
    if (axis === 0) return true;
    return dimension === 0 || (dimension !== null && dimension === shape[axis]);
  });
}
