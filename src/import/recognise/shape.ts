/** The shape of what stands at a state, as far as the graph says it. */

import type { Node } from '../graph/node.js';
import { channelsOf } from './block.js';
import { type GraphState, unexpected } from './graph-state.js';
import { widthOf } from './head.js';

type Shape = readonly (number | null)[];

/** `null` where the graph leaves a dimension open; the first always is, since pictures come in batches. */
export function shapeAt(node: Node, state: GraphState): Shape {
  switch (state.at) {
    case 'input':
      return state.dims;
    case 'features':
      return [null, state.parts.reduce((sum, { channels }) => sum + channels, 0), ...state.size];
    case 'normed':
    case 'activated':
    case 'averaged':
      return [null, channelsOf(state.from), ...state.size];
    case 'reduced':
      return [null, state.conv.out, ...state.size];
    case 'vector':
      return vector(widthOf(state), state.rank);
    case 'scores':
      return vector(widthOf(state.vector), state.vector.rank);
    default:
      throw unexpected(node, state);
  }
}

const vector = (length: number, rank: 1 | 2 | 4): Shape =>
  rank === 1 ? [length] : rank === 2 ? [null, length] : [null, length, 1, 1];

/** Whether a `Reshape` to `target` changes nothing: 0 keeps a dimension, and one may be left to be found (-1). */
export function isShape(target: Shape, shape: Shape): boolean {
  if (target.length !== shape.length) return false;
  return target.every((dimension, axis) => {
    if (axis === 0) return true;
    return dimension === 0 || (dimension !== null && dimension === shape[axis]);
  });
}
