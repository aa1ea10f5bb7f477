/** Our kernels with maps in other layouts: the same text with other addresses. Knows texts, nothing of GPUs. */

/** Of one image: channel quads of planes (ours), pixels of channels, channels of planes. */
export const LAYOUTS = ['NC/4HW4', 'NHWC', 'NCHW'] as const;
export type Layout = (typeof LAYOUTS)[number];
export type LayoutKernel = 'conv1x1' | 'conv3x3';

/** How a kernel reads a vector of four channels of input quad `q`, and the pixel that it reads. */
const READS: Readonly<Record<LayoutKernel, { readonly read: RegExp; readonly pixel: string }>> = {
  conv1x1: { read: /vectorOf\(src\[srcAt \+ (\w+ \* WORKGROUP)\]\)/g, pixel: 'firstPixel + $1' },
  conv3x3: { read: /vectorOf\(src\[rowAt \+ (columnAt\[\w+\])\]\)/g, pixel: 'rowAt - q * params.srcPlane + $1' },
};
const WRITE = /dst\[\((firstQuad \+ \w+)\) \* params\.dstPlane \+ pixel\] = quadOf\((.*)\);$/gm;

const planes = (pixel: string) =>
  [0, 1, 2, 3].map((c) => `src[(4u * q + ${c}u) * params.srcPlane + ${pixel}]`).join(', ');
const STORES = ['x', 'y', 'z', 'w']
  .map((c, i) => `dst[(4u * ($1) + ${i}u) * params.dstPlane + pixel] = value.${c};`)
  .join(' ');

/**
 * @param text an expanded kernel in f32
 * @throws Error when the text has nothing of what is to be replaced
 */
export function inLayout(layout: Layout, kernel: LayoutKernel, text: string): string {
  const { read, pixel } = READS[kernel];
  switch (layout) {
    case 'NC/4HW4':
      return text;
    case 'NHWC':
      return rewrite(text, [
        [read, `vectorOf(src[(${pixel}) * params.inQuads + q])`],
        [WRITE, 'dst[pixel * params.outQuads + $1] = quadOf($2);'],
      ]);
    case 'NCHW':
      return rewrite(text, [
        [/\b(src|dst): array<Quad>/g, '$1: array<f32>'],
        [read, `vec4f(${planes(pixel)})`],
        [WRITE, `{ let value = $2; ${STORES} }`],
      ]);
  }
}

function rewrite(text: string, changes: readonly (readonly [from: RegExp, to: string])[]): string {
  return changes.reduce((before, [from, to]) => {
    const after = before.replace(from, to);
    if (after === before) throw new Error(`the kernel has no ${from}`);
    return after;
  }, text);
}

/** Where a channel of a pixel lies in a map of so many quads, whose planes are so many pixels apart. */
export function placeOf(
  layout: Layout,
  { quads, plane }: { readonly quads: number; readonly plane: number },
): (channel: number, pixel: number) => number {
  switch (layout) {
    case 'NC/4HW4':
      return (channel, pixel) => 4 * ((channel >> 2) * plane + pixel) + (channel % 4);
    case 'NHWC':
      return (channel, pixel) => 4 * quads * pixel + channel;
    case 'NCHW':
      return (channel, pixel) => channel * plane + pixel;
  }
}
