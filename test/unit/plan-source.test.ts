/** The text of a variant: a whole WGSL module for its precision, and what its bind group layout says it binds. */
import { describe, expect, it } from 'vitest';
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { KERNELS } from '../../src/kernels/manifest.generated.js';
import { kernelSource, type Precision } from '../../src/kernels/source.js';
import { type KernelName, type Variant, variantKey } from '../../src/kernels/variants.js';

const PRECISIONS: readonly Precision[] = (['f32', 'f16'] as const).flatMap((activations) =>
  (['f32', 'f16'] as const).map((weights) => ({ activations, weights })),
);
const PLAIN: Variant = { tile: {}, overrides: {} };
const names = Object.keys(KERNELS).filter((name): name is KernelName => name in KERNELS);
const SHARED: Variant = { tile: { TILE_QUADS: 1, SUBGROUP: 4 }, overrides: {} };
const ALONE: Variant = { tile: { TILE_QUADS: 1, SUBGROUP: 1 }, overrides: {} };
const F32: Precision = { activations: 'f32', weights: 'f32' };

describe('kernelSource', () => {
  it.each(names)('%s: reflects to the bindings of the manifest in every precision', (name) => {
    // Whether a tile shares weights is for the kernels that can.
    const variant = KERNELS[name].source.includes('SUBGROUP') ? ALONE : PLAIN;
    for (const precision of PRECISIONS) {
      const reflect = new WgslReflect(kernelSource(name, variant, precision));
      const found = [...reflect.storage, ...reflect.uniforms, ...reflect.textures].map((resource) => ({
        name: resource.name,
        binding: resource.binding,
      }));
      found.sort((a, b) => a.binding - b.binding);
      expect(found).toEqual(Object.keys(KERNELS[name].bindings).map((own, binding) => ({ name: own, binding })));
      expect(reflect.entry.compute.map((entry) => entry.name)).toEqual(['main']);
    }
  });

  it.each(names)('%s: directives come first, and f16 is stored without the feature', (name) => {
    for (const precision of PRECISIONS) {
      const lines = kernelSource(name, PLAIN, precision)
        .split('\n')
        .filter((line) => line !== '');
      const first = lines.findIndex((line) => !line.startsWith('enable '));
      expect(lines.slice(first).filter((line) => line.startsWith('enable '))).toEqual([]);
      expect(lines).not.toContain('enable f16;');
    }
  });

  it.each(['conv1x1', 'conv3x3', 'transition'] as const)('%s: subgroups are used where weights are shared', (name) => {
    const shared = kernelSource(name, SHARED, F32);
    expect(shared).toContain('enable subgroups;');
    expect(shared).toContain('subgroup_invocation_id');
    expect(shared).not.toContain('fn subgroupBroadcast');
    const alone = kernelSource(name, ALONE, F32);
    expect(alone).not.toMatch(/enable subgroups|subgroup_invocation_id/);
    expect(alone).toContain('fn subgroupBroadcast');
  });

  it('in place, the source is bound for writing and nothing else changes', () => {
    const apart = kernelSource('conv3x3', ALONE, F32);
    const inPlace = kernelSource('conv3x3', { ...ALONE, inPlace: true }, F32);
    expect(inPlace).toBe(apart.replace('var<storage, read> src', 'var<storage, read_write> src'));
    expect(inPlace).not.toBe(apart);
  });

  it('unknown tile constants are refused by name', () => {
    expect(() => kernelSource('pool', { tile: { TILE_X: 2 }, overrides: {} }, F32)).toThrow(
      'the kernel has no tile constant TILE_X',
    );
  });
});

describe('variantKey', () => {
  it('differs whenever the pipeline would', () => {
    const variants: Variant[] = [
      ...[1, 2].flatMap((quads) =>
        [1, 2].map((lanes) => ({ tile: { TILE_QUADS: quads, SUBGROUP: lanes }, overrides: {} })),
      ),
      ...[32, 64].map((size) => ({ tile: { TILE_QUADS: 1, SUBGROUP: 1 }, overrides: { WORKGROUP: size } })),
      { tile: { TILE_QUADS: 1, SUBGROUP: 1 }, overrides: { WORKGROUP: 32 }, inPlace: true },
    ];
    const keys = (['conv1x1', 'conv3x3'] as const).flatMap((name) =>
      variants.map((variant) => variantKey(name, variant)),
    );
    expect(new Set(keys).size).toBe(keys.length);
    expect(variantKey('conv1x1', structuredClone(SHARED))).toBe(variantKey('conv1x1', SHARED));
  });
});
