/** The rules of pools and of the zeros that exporters put before them. */

import { misfit, type Node } from '../graph/node.js';
import { isUnpooled, requireLayers } from './block.js';
import { readyNorm, transition } from './body.js';
import {
  type Averaged,
  type Features,
  type Place,
  type Pooled,
  type Size,
  unexpected,
  unpadded,
} from './graph-state.js';
import { identityNorm } from './norm.js';
import { describe, isSquare, roundsDown, slide, type Window, windowOf } from './window.js';

export function maxPool(node: Node, given: Place): Features {
  const { place, pads } = unpadded(given);
  if (place.at !== 'activated' || !isUnpooled(place.from)) throw unexpected(node, given);
  const { entry } = place.from;
  const window = windowOf(node, place.size, pads);
  if (!isSquare(window, 3, 2, 1) || !roundsDown(window, place.size) || entry.kind !== 'stem')
    throw misfit(node, `expected the stem's max pool (3×3, stride 2, padding 1), found ${describe(window)}`);
  const stem = { ...entry, norm: place.norm ?? identityNorm(entry.channels), isPooled: true };
  return { at: 'features', parts: [stem], size: slide(window, place.size) };
}

export function averagePool(node: Node, place: Place): Features | Averaged | Pooled {
  if (place.at === 'reduced' && !place.isActive && !place.norm2) {
    const window = halving(node, place.size);
    return transition(node, place.from, place.norm1, place.conv, slide(window, place.size));
  }
  if (place.at !== 'activated') throw unexpected(node, place);
  const { from, size } = place;
  const norm = readyNorm(node, place);
  const window = windowOf(node, size);
  if (isSquare(window, 2, 2, 0)) return { at: 'averaged', from, norm, size: slide(halving(node, size), size) };
  const covers = window.kernel.every((side, axis) => side === (size[axis] ?? side));
  if (!covers || window.pads.some((pad) => pad !== 0))
    throw misfit(
      node,
      `expected a window over the whole map${map(size)}, or 2×2 with stride 2, found ${describe(window)}`,
    );
  requireLayers(node, from);
  return { at: 'pooled', from, norm, rank: 4 };
}

const map = ([height, width]: Size): string => (height === null || width === null ? '' : ` of ${height}×${width}`);

/** The window of a transition. */
function halving(node: Node, size: Size): Window {
  const window = windowOf(node, size);
  if (isSquare(window, 2, 2, 0) && roundsDown(window, size)) return window;
  throw misfit(node, `expected the average pool of a transition (2×2, stride 2, padding 0), found ${describe(window)}`);
}

/** Zeros around a map. None at all is what exporters often write, and changes nothing. */
export function pad(node: Node, place: Place, pads: readonly number[], isZero: boolean): Place {
  const half = pads.length / 2;
  const around = [...pads.slice(2, half), ...pads.slice(half + 2)];
  const isSpatial = pads.length === 8 && [0, 1, 4, 5].every((i) => pads[i] === 0);
  if (pads.every((zeros) => zeros === 0)) return place;
  const mode = node.text('mode', 'constant');
  const canPad = place.at === 'input' || place.at === 'activated' || (place.at === 'reduced' && place.isActive);
  if (!canPad || !isSpatial || around.some((zeros) => zeros < 0) || !isZero || mode !== 'constant')
    throw misfit(node, `expected zeros around the picture or behind a Relu, found ${mode} padding [${pads}]`);
  return { at: 'padded', of: place, pads: around };
}
