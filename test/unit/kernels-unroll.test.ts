/** Unrolling: loops that count up to a constant become text; everything else stays as it is. */
import { describe, expect, it } from 'vitest';
import { SOURCES } from '../../src/kernels/manifest.generated.js';
import { kernelSource } from '../../src/kernels/source.js';
import { unroll } from '../../src/kernels/unroll.js';
import { F32, variantsOf } from '../kernels/cases.js';

const NESTED = `const A = 2u;
const B = A * 2u - 1u;
for (var i = 0u; i < A; i++) {
for (var j = 0u; j < B; j += A) {
x[i][j] = min(i, j);
}
}
for (var k = 0u; k < n; k++) { y[k] = i_k; }
for (var d = 3u; d > 0u; d--) { z += d; }`;

describe('unroll', () => {
  it('writes out nested loops, with steps, and leaves other loops and names alone', () => {
    const text = unroll(NESTED).replace(/\s+/g, '');
    expect(text).toContain('{{x[0u][0u]=min(0u,0u);}{x[0u][2u]=min(0u,2u);}}{{x[1u][0u]=min(1u,0u);}');
    expect(text).toContain('for(vark=0u;k<n;k++){y[k]=i_k;}');
    expect(text).toContain('for(vard=3u;d>0u;d--){z+=d;}');
  });

  it('names a loop without an end', () => {
    expect(() => unroll('for (var i = 0u; i < 2u; i++) {\n')).toThrow('a loop has no end');
  });

  it('leaves no loop over an array in a kernel', () => {
    for (const kernel of ['conv1x1', 'conv3x3', 'transition', 'stem'] as const) {
      for (const variant of variantsOf(kernel, F32)) {
        const text = kernelSource(kernel, variant, F32);
        expect(text.match(/for \(var \w+ = 0u; \w+ < [A-Z_]+; /g), kernel).toBeNull();
        expect(SOURCES[kernel]).toMatch(/for \(var \w+ = 0u; \w+ < [A-Z_]+; /);
      }
    }
  });
});
