/** A feature map as the planner sees it, and what all its users need. */

import { plainVariant } from '../kernels/variants.js';
import type { ChannelLayout } from '../model/channels.js';
import type { Size } from '../model/layers.js';
import type { Bank } from './arena.js';

/** A map in the arena. */
export interface FeatureMap {
  readonly name: string;
  readonly bank: Bank;
  readonly layout: ChannelLayout;
  readonly size: Size;
  /** Zeros around each image, in pixels: rows and columns are stored with them. */
  readonly border: number;
  /** Pixels between quads. */
  readonly plane: number;
  /** Bytes between quads. */
  readonly quadBytes: number;
}

/** Invocations of a workgroup of the kernels without a tile. */
export const WORKGROUP = plainVariant().overrides.WORKGROUP ?? 1;

export const other = (bank: Bank): Bank => (bank === 0 ? 1 : 0);
/** Blocks take turns. */
export const bankOf = (block: number): Bank => (block % 2 === 0 ? 0 : 1);

export const area = ([height, width]: Size): number => height * width;

/** Rows and columns of an image as they are stored. */
export const storedSize = ({ size: [height, width], border }: Pick<FeatureMap, 'size' | 'border'>): Size => [
  height + 2 * border,
  width + 2 * border,
];
