/** Our kernels in other layouts: every address is another, and no place is taken twice. */
import { describe, expect, it } from 'vitest';
import { inLayout, LAYOUTS, placeOf } from '../../src/bench/layout-texts.js';
import type { ConvShape } from '../../src/kernels/shape.js';
import { softwareTraits } from '../../src/kernels/software.js';
import { kernelSource } from '../../src/kernels/source.js';
import { candidates } from '../../src/kernels/variants.js';

const F32 = { activations: 'f32', weights: 'f32' } as const;
const MAP = { batch: 1, width: 28, height: 28, inQuads: 32, outQuads: 8 };
const SHAPES: readonly (ConvShape & { readonly kernel: 'conv1x1' | 'conv3x3' })[] = [
  { kernel: 'conv1x1', ...MAP },
  { kernel: 'conv3x3', ...MAP, normed: false },
];

describe.each(SHAPES)('$kernel', (shape) => {
  it.each(LAYOUTS)('in %s reads and writes by that layout with every tile', (layout) => {
    for (const subgroup of [null, { min: 8, max: 8 }])
      for (const variant of candidates(shape, subgroup ? softwareTraits({ subgroup }) : { subgroup })) {
        const ours = kernelSource(shape.kernel, variant, F32);
        const text = inLayout(layout, shape.kernel, ours);
        const accesses = (of: string): readonly string[] => of.match(/\b(src|dst)\[.*?\](?=[),; ])/g) ?? [];
        const kept = accesses(text).filter((access) => accesses(ours).includes(access));
        expect(kept).toEqual(layout === 'NC/4HW4' ? accesses(ours) : []);
      }
  });

  it('is not taken for another where its text has changed', () => {
    expect(() => inLayout('NHWC', shape.kernel, 'fn main() {}')).toThrow(/the kernel has no/);
  });
});

describe.each(LAYOUTS)('the places of %s', (layout) => {
  it('are one for each channel of each pixel, within the map', () => {
    const [quads, plane] = [3, 5];
    const place = placeOf(layout, { quads, plane });
    const places = Array.from({ length: 4 * quads * plane }, (_, i) => place(Math.floor(i / plane), i % plane));
    expect(places.sort((a, b) => a - b)).toEqual(places.map((_, i) => i));
  });
});
