/**
 * Where a channel lives. The arena stores channels four to a quad; every part of a dense block (what enters it, then
 * what each layer adds) starts on a whole quad, so that a layer's slice can be written without touching its neighbours.
 */

/** Channels of one part of a block, `channels` of them from quad `quad` on; the last quad may be part filled. */
export interface ChannelPart {
  readonly channels: number;
  readonly quad: number;
}

/** The parts of a dense block's feature map in order of their logical channels. */
export interface ChannelLayout {
  readonly parts: readonly ChannelPart[];
  readonly channels: number;
  readonly quads: number;
}

export const quadsFor = (channels: number): number => Math.ceil(channels / 4);

/** @param counts channels of each part, e.g. `[64, 32, 32]`: 64 enter and two layers add 32 each */
export function layoutChannels(counts: readonly number[]): ChannelLayout {
  const parts: ChannelPart[] = [];
  let quads = 0;
  let channels = 0;
  for (const count of counts) {
    parts.push({ channels: count, quad: quads });
    quads += quadsFor(count);
    channels += count;
  }
  return { parts, channels, quads };
}

/** The first `parts` parts of a layout: what a layer in the middle of a block reads. */
export function prefixOf(layout: ChannelLayout, parts: number): ChannelLayout {
  return layoutChannels(layout.parts.slice(0, parts).map((part) => part.channels));
}

/**
 * Physical slot of each logical channel.
 *
 * @returns `slots[logical] = 4 · quad + lane`, length `layout.channels`
 */
export function channelSlots(layout: ChannelLayout): Int32Array {
  const slots = new Int32Array(layout.channels);
  let logical = 0;
  for (const part of layout.parts) {
    for (let i = 0; i < part.channels; i++) slots[logical++] = 4 * part.quad + i;
  }
  return slots;
}

/**
 * The layout of each block's feature map.
 *
 * @param blocks layers per block; @param growth channels a layer adds; @param entering channels that enter each block
 */
export function blockLayouts(blocks: readonly number[], growth: number, entering: readonly number[]): ChannelLayout[] {
  return blocks.map((layers, b) => layoutChannels([entering[b] ?? 0, ...Array<number>(layers).fill(growth)]));
}
