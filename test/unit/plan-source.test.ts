/** The text of a variant: a whole WGSL module for its precision, and what its bind group layout says it binds. */
import { describe, expect, it } from 'vitest';
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { KERNELS } from '../../src/kernels/manifest.generated.js';
import { kernelSource } from '../../src/kernels/source.js';
import { variantKey } from '../../src/kernels/variants.js';
import { F32, PRECISIONS, variantsOf } from '../kernels/cases.js';
import { kernelNames, plannedVariants } from '../kernels/planned.js';

describe('kernelSource', () => {
  it.each(kernelNames)('%s: reflects to the bindings of the manifest in every precision', (name) => {
    for (const variant of plannedVariants(name)) {
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
    }
  });

  it.each(kernelNames)('%s: directives come first', (name) => {
    for (const variant of plannedVariants(name)) {
      for (const precision of PRECISIONS) {
        const lines = kernelSource(name, variant, precision)
          .split('\n')
          .filter((line) => line !== '');
        const first = lines.findIndex((line) => !line.startsWith('enable '));
        expect(lines.slice(first).filter((line) => line.startsWith('enable '))).toEqual([]);
      }
    }
  });

  it('asks for f16 where products are f16, and nowhere else: f16 is stored on every adapter', () => {
    for (const precision of PRECISIONS) {
      for (const variant of variantsOf('conv1x1', precision)) {
        const hasFloat16 = variant.parts?.includes('products_f16') ?? false;
        expect(kernelSource('conv1x1', variant, precision).includes('enable f16;')).toBe(hasFloat16);
      }
    }
  });
});

describe('variantKey', () => {
  it('differs whenever the text would', () => {
    for (const kernel of ['conv1x1', 'conv3x3', 'transition', 'stem'] as const) {
      const variants = variantsOf(kernel, F32);
      const texts = new Set(variants.map((variant) => kernelSource(kernel, variant, F32)));
      expect(texts.size, kernel).toBe(new Set(variants.map((variant) => variantKey(kernel, variant))).size);
    }
  });
});
