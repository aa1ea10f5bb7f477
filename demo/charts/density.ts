/**
 * Draws the network as blocks of layers: one row for each block, one dot for each layer, and an arc to a layer from
 * everything that it reads, which is the input of its block and every layer before it.
 */
import type { DenseNetConfig } from 'densenet-webgpu';
import { drawing, svg } from './svg.js';

/** A dense layer. Both numbers count from 1, as in the names of the plan's steps. */
export interface LayerId {
  readonly block: number;
  readonly layer: number;
}

export interface DensityChart {
  readonly element: SVGElement;
  /** Marks a layer and the arcs to it; null: none. */
  mark(layer: LayerId | null): void;
}

const ROW = 84;
/** The arcs' ends, from the top of a row. */
const BASE = 56;
const HIGHEST = 44;
const MARGIN = 14;
const WIDEST_GAP = 44;

/** Channels that a layer reads: the block's input and what the layers before it added. */
export function channelsRead(
  { initFeatures, transitions, growthRate }: DenseNetConfig,
  { block, layer }: LayerId,
): number {
  const entering = block === 1 ? initFeatures : (transitions[block - 2] ?? 0);
  return entering + (layer - 1) * growthRate;
}

/** The layer that a step of the plan belongs to: `block2.layer3.conv`. */
export function layerOf(stepName: string): LayerId | null {
  const [, block, layer] = /^block(\d+)\.layer(\d+)\./.exec(stepName) ?? [];
  return block && layer ? { block: Number(block), layer: Number(layer) } : null;
}

/**
 * @param width in CSS pixels, so that text keeps its size on a phone
 * @param onChoose called with the layer that the user presses
 */
export function densityChart(config: DenseNetConfig, width: number, onChoose: (layer: LayerId) => void): DensityChart {
  const { blocks, growthRate } = config;
  const connections = blocks.reduce((sum, layers) => sum + (layers * (layers + 1)) / 2, 0);
  const element = drawing(
    width,
    ROW * blocks.length,
    `${blocks.length} blocks of ${blocks.join(', ')} layers with ${connections} connections; the slider below names each layer`,
  );
  const groups = new Map<string, readonly Element[]>();
  for (const [b, layers] of blocks.entries()) {
    const id = { block: b + 1, layer: 1 };
    const row = svg('g', { transform: `translate(0 ${b * ROW})` });
    const entering = channelsRead(config, id);
    const leaving = entering + layers * growthRate;
    row.append(
      svg(
        'text',
        { x: 0, y: BASE + 24 },
        `block ${b + 1}: ${entering} + ${layers} × ${growthRate} = ${leaving} channels`,
      ),
    );
    const gap = Math.min(WIDEST_GAP, (width - 2 * MARGIN) / layers);
    const at = (layer: number) => MARGIN + layer * gap;
    for (let layer = 1; layer <= layers; layer++) {
      const arcs = Array.from({ length: layer }, (_, from) => arc(at(from), at(layer), gap * layers));
      groups.set(`${b + 1}.${layer}`, arcs);
      row.append(...arcs);
    }
    row.append(
      svg(
        'rect',
        { x: at(0) - 4, y: BASE - 4, width: 8, height: 8, class: 'entering' },
        title(`input of block ${b + 1}: ${entering} channels`),
      ),
    );
    for (let layer = 1; layer <= layers; layer++) {
      const own: LayerId = { block: b + 1, layer };
      const dot = svg('circle', { cx: at(layer), cy: BASE, r: Math.min(5, 0.4 * gap), class: 'layer' });
      // A dot is small to hit: its column takes the press.
      const target = svg('rect', { x: at(layer) - gap / 2, y: 0, width: gap, height: BASE + 10, class: 'target' });
      target.append(
        title(`block ${own.block}, layer ${layer}: reads ${channelsRead(config, own)} channels, adds ${growthRate}`),
      );
      target.addEventListener('click', () => onChoose(own));
      groups.set(`${b + 1}.${layer}`, [...(groups.get(`${b + 1}.${layer}`) ?? []), dot]);
      row.append(dot, target);
    }
    element.append(row);
  }
  return {
    element,
    mark(layer) {
      for (const marked of element.querySelectorAll('.marked')) marked.classList.remove('marked');
      if (!layer) return;
      for (const part of groups.get(`${layer.block}.${layer.layer}`) ?? []) {
        part.classList.add('marked');
      }
    },
  };
}

const title = (text: string): SVGElement => svg('title', {}, text);

/** Half an ellipse; long ones are flatter, so that all fit into the row. */
function arc(from: number, to: number, longest: number): SVGElement {
  const radius = (to - from) / 2;
  const height = Math.min(radius, 6 + ((HIGHEST - 6) * (to - from)) / Math.max(longest, HIGHEST));
  return svg('path', { d: `M${from} ${BASE}A${radius} ${height} 0 0 1 ${to} ${BASE}`, class: 'arc' });
}
