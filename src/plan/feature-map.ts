/** A feature map as the planner sees it, and what all its users need. */

import { plainVariant, type Traits } from '../kernels/variants.js';
import type { ChannelLayout } from '../model/channels.js';
import type { Size } from '../model/layers.js';
import type { Bank } from './arena.js';

/** A map in the arena. */
export interface FeatureMap {
  readonly name: string;
  readonly bank: Bank;
  readonly layout: ChannelLayout;
  readonly size: Size;
  /** Pixels between quads. */
  readonly plane: number;
  /** Bytes between quads. */
  readonly quadBytes: number;
}

/** Invocations of a workgroup of the kernels without a tile. */
export const WORKGROUP = plainVariant().overrides.WORKGROUP ?? 1;

/** The other of two buffers, or of two textures. */
export const other = (bank: Bank): Bank => BANKS[bank ^ 1] ?? 0;
/** Blocks take turns. */
export const bankOf = (block: number, { textured }: Traits): Bank => BANKS[(block % 2) + (textured ? 2 : 0)] ?? 0;
/** Of what is in a buffer in any case, beside a map. */
export const bufferOf = (bank: Bank): Bank => BANKS[bank % 2] ?? 0;
const BANKS: readonly Bank[] = [0, 1, 2, 3];

export const area = ([height, width]: Size): number => height * width;
