/** The rules of pools and of the zeros that exporters put before them. */

import { type Node, unsupportedNode } from '../graph/node.js';
import { requireLayers } from './block.js';
import { asFeatures, readyNorm, transition } from './body.js';
import {
  type Averaged,
  type Features,
  type GraphState,
  type HeadVector,
  inFront,
  type Size,
  unexpected,
  unpadded,
} from './graph-state.js';
import { pooledVector } from './head.js';
import { describe, isSquare, roundsDown, slide, type Window, windowOf } from './window.js';

export function maxPool(node: Node, given: GraphState): Features | HeadVector {
  const { state, pads } = unpadded(given);
  const whole = wholeMaximum(node, given);
  if (whole) return whole;
  const features = asFeatures(state);
  const [entry, ...others] = features?.parts ?? [];
  if (!features || entry?.kind !== 'stem' || others.length > 0 || entry.isPooled) throw unexpected(node, given);
  const window = windowOf(node, features.size, pads);
  if (!isSquare(window, 3, 2, 1) || !roundsDown(window, features.size))
    throw unsupportedNode(node, `expected the stem's max pool (3×3, stride 2, padding 1), found ${describe(window)}`);
  return { at: 'features', parts: [{ ...entry, isPooled: true }], size: slide(window, features.size) };
}

/** A window over the whole last map, as exporters write a global maximum before opset 18. */
function wholeMaximum(node: Node, state: GraphState): HeadVector | null {
  if ((state.at !== 'activated' && state.at !== 'normed') || state.from.layers.length === 0) return null;
  const { from, size } = state;
  const window = windowOf(node, size);
  if (!coversAll(window, size)) return null;
  const norm = state.at === 'activated' ? readyNorm(node, state) : state.norm;
  return pooledVector({ from, norm, hasRelu: state.at === 'activated', kinds: ['max'] }, 4);
}

const coversAll = ({ kernel, pads }: Window, size: Size): boolean =>
  kernel.every((side, axis) => side === (size[axis] ?? side)) && pads.every((pad) => pad === 0);

export function averagePool(node: Node, state: GraphState): Features | Averaged | HeadVector {
  if (state.at === 'reduced' && !state.isActive && !state.norm2) {
    const window = halving(node, state.size);
    return transition(node, state.from, state.norm1, state.conv, slide(window, state.size));
  }
  if (state.at !== 'activated' && state.at !== 'normed') throw unexpected(node, state);
  const { from, size } = state;
  const hasRelu = state.at === 'activated';
  const norm = state.at === 'activated' ? readyNorm(node, state) : state.norm;
  const window = windowOf(node, size);
  if (isSquare(window, 2, 2, 0)) return { at: 'averaged', from, norm, hasRelu, size: slide(halving(node, size), size) };
  if (!coversAll(window, size))
    throw unsupportedNode(
      node,
      `expected a window over the whole map${map(size)}, or 2×2 with stride 2, found ${describe(window)}`,
    );
  requireLayers(node, from);
  return pooledVector({ from, norm, hasRelu, kinds: ['average'] }, 4);
}

const map = ([height, width]: Size): string => (height === null || width === null ? '' : ` of ${height}×${width}`);

/** The window of a transition. */
function halving(node: Node, size: Size): Window {
  const window = windowOf(node, size);
  if (isSquare(window, 2, 2, 0) && roundsDown(window, size)) return window;
  throw unsupportedNode(
    node,
    `expected the average pool of a transition (2×2, stride 2, padding 0), found ${describe(window)}`,
  );
}

/** Zeros around a map. None at all is what exporters often write, and changes nothing. */
export function pad(node: Node, state: GraphState, pads: readonly number[], isZero: boolean): GraphState {
  const half = pads.length / 2;
  const around = [...pads.slice(2, half), ...pads.slice(half + 2)];
  const isSpatial = pads.length === 8 && [0, 1, 4, 5].every((i) => pads[i] === 0);
  if (pads.every((zeros) => zeros === 0)) return state;
  const mode = node.text('mode', 'constant');
  const canPad = state.at === 'input' || state.at === 'activated' || (state.at === 'reduced' && state.isActive);
  if (!canPad || !isSpatial || around.some((zeros) => zeros < 0) || !isZero || mode !== 'constant')
    throw unsupportedNode(
      node,
      `expected zeros around the image or behind a Relu, found ${mode} padding [${pads}]${inFront(state)}`,
    );
  return { at: 'padded', of: state, pads: around };
}
