/** The expander: tile constants set, marked loops unrolled, everything else left alone. */
import { describe, expect, it } from 'vitest';
import { expand, tileConstants } from '../../src/plan/expand.js';
import { KERNELS } from '../../src/plan/kernels.generated.js';

const NESTED = `const A = 2u; // tile
const B = A * 2u - 1u;
for (var i = 0u; i < A; i++) { // unroll
for (var j = 0u; j < B; j++) { // unroll
x[i][j] = min(i, j);
}
}
for (var k = 0u; k < 9u; k++) { y[k] = i_k; }`;

describe('expand', () => {
  it('unrolls nested loops with literal indices and leaves unmarked loops', () => {
    const text = expand(NESTED, { A: 1 }).replace(/\s+/g, '');
    expect(text).toBe('constA=1u;constB=A*2u-1u;{{x[0u][0u]=min(0u,0u);}}for(vark=0u;k<9u;k++){y[k]=i_k;}');
    expect(expand(NESTED).match(/x\[\du\]\[\du\]/g)).toHaveLength(6);
  });

  it('knows the tile constants of a file, and refuses others', () => {
    expect(tileConstants(NESTED)).toEqual({ A: 2 });
    expect(() => expand(NESTED, { B: 3 })).toThrow('the kernel has no tile constant B');
    expect(() => expand('for (var i = 0u; i < n; i++) { // unroll\n}')).toThrow(
      'the bound of an unrolled loop is not constant: n',
    );
    expect(() => expand('for (var i = 0u; i < 2u; i++) { // unroll\n')).toThrow('an unrolled loop has no end');
  });

  it.each(Object.entries(KERNELS))('leaves no marked loop in %s', (_, { source }) => {
    expect(expand(source)).not.toContain('// unroll');
  });
});
