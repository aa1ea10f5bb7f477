/** The maps that one layer adds, as small pictures: what `intermediates()` returns for its block, cut out. */
import type { DenseNetConfig } from 'densenet-webgpu';
import { heatColor } from '../../src/runtime/heatmap.js';
import { make } from '../dom.js';
import { channelsRead, type LayerId } from './density.js';

/** Maps of one image, [height, width] each, row-major. */
export interface LayerMaps {
  readonly maps: readonly Float32Array[];
  readonly width: number;
  readonly height: number;
  /** The largest magnitude in all of them: they share one colour scale. */
  readonly magnitude: number;
}

/**
 * @param shape of the block's output for one image: [1, channels, height, width]
 * @param data of the block's output
 */
export function layerMaps(
  config: DenseNetConfig,
  layer: LayerId,
  { shape, data }: { readonly shape: readonly number[]; readonly data: Float32Array },
): LayerMaps {
  const [, , height = 0, width = 0] = shape;
  const first = channelsRead(config, layer);
  const maps = Array.from({ length: config.growthRate }, (_, k) => {
    const offset = (first + k) * height * width;
    return data.subarray(offset, offset + height * width);
  });
  const magnitude = maps.reduce((most, map) => map.reduce((a, b) => Math.max(a, Math.abs(b)), most), 0);
  return { maps, width, height, magnitude };
}

/** One canvas for each map: yellow above zero, blue below, black at zero. */
export function drawLayerMaps({ maps, width, height, magnitude }: LayerMaps): readonly HTMLCanvasElement[] {
  return maps.map((map, k) => {
    const canvas = make('canvas', { width, height, title: `map ${k + 1} of ${maps.length}` });
    const pixels = new ImageData(width, height);
    for (const [p, value] of map.entries()) pixels.data.set(heatColor(value / (magnitude || 1)), 4 * p);
    canvas.getContext('2d')?.putImageData(pixels, 0, 0);
    canvas.setAttribute('aria-hidden', 'true');
    return canvas;
  });
}
