/** Concatenated features as the state of a dense block, or the reason why they are none. */
import { type Node, unsupportedNode } from '../graph/node.js';
import type { Block, Entry, Features, Layer, Part } from './graph-state.js';

/** Ten times the layers of the longest block published. */
const MOST_PARTS = 512;

/** The order of a block's parts along the channels. */
export type Order = 'old-first' | 'new-first';

/**
 * @returns what entered the block and its layers in order
 * @throws ModelShapeError when features are missing, foreign or there twice
 */
export function blockOf(node: Node, parts: readonly Part[]): Block {
  const entries = parts.filter((part): part is Entry => part.kind !== 'layer');
  const layers = parts
    .filter((part) => part.kind === 'layer')
    .sort((a, b) => a.from.layers.length - b.from.layers.length);
  const [entry, ...others] = entries;
  if (parts.length > MOST_PARTS)
    throw unsupportedNode(node, `it joins ${parts.length} feature maps, more than any dense block`);
  if (new Set(parts).size < parts.length) throw unsupportedNode(node, 'it joins the same features twice');
  if (!entry) throw unsupportedNode(node, `expected all features of the block, found ${named(layers)} alone`);
  if (others.length > 0) throw unsupportedNode(node, 'it joins the features of several blocks');
  for (const [i, layer] of layers.entries()) {
    const { from } = layer;
    if (from.entry !== entry) throw unsupportedNode(node, 'it joins the features of several blocks');
    if (from.layers.length !== i || from.layers.at(-1) !== layers[i - 1])
      throw unsupportedNode(
        node,
        `expected the features of layers 1 to ${layers.length} of the block, found ${named(layers)}`,
      );
  }
  return { entry, layers };
}

const named = (layers: readonly Layer[]): string =>
  `${layers.length === 1 ? 'layer' : 'layers'} ${layers.map(({ from }) => from.layers.length + 1).join(', ')}`;

/** `null` where the order shows nothing: a single part. */
export function orderOf(node: Node, { parts }: Features, { entry, layers }: Block): Order | null {
  if (layers.length === 0) return null;
  const oldFirst = [entry, ...layers];
  if (parts.every((part, i) => part === oldFirst[i])) return 'old-first';
  if (parts.every((part, i) => part === oldFirst.at(-1 - i))) return 'new-first';
  throw unsupportedNode(node, 'expected features in order of their layers, first to last or last to first');
}

export function channelsOf({ entry, layers }: Block): number {
  return layers.reduce((sum, layer) => sum + layer.channels, entry.channels);
}

/** @throws ModelShapeError for a block without layers: then the network is another */
export function requireLayers(node: Node, { layers }: Block): void {
  if (layers.length === 0)
    throw unsupportedNode(node, 'expected dense layers before it, whose outputs Concat joins to what they read');
}
