/** The expander: tile constants set, marked loops unrolled, everything else left alone. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expand, tileConstants } from '../../src/kernels/expand.js';
import { KERNELS } from '../../src/kernels/manifest.generated.js';

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

  it('runs through the same indices in the same order as the loops would', () => {
    const bounds = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(bounds, (counts) => {
        const opened = counts.map((count, d) => `for (var i${d} = 0u; i${d} < ${count}u; i${d}++) { // unroll\n`);
        const visit = `(${counts.map((_, d) => `i${d}`).join(',')})`;
        const text = expand(`${opened.join('')}${visit}\n${'}'.repeat(counts.length)}`);
        const visited = [...text.matchAll(/\(([^)]*)\)/g)].map(([, indices = '']) => indices.replaceAll('u', ''));
        const all = counts.reduce<number[][]>(
          (rows, count) => rows.flatMap((row) => Array.from({ length: count }, (_, i) => [...row, i])),
          [[]],
        );
        expect(visited).toEqual(all.map((row) => row.join()));
      }),
    );
  });

  it('sets a tile constant and everything that follows from it', () => {
    const text = expand(
      'const A = 2u; // tile\nconst B = 3u * A - 1u;\nfor (var i = 0u; i < B; i++) { // unroll\nx;\n}',
      {
        A: 3,
      },
    );
    expect(text).toContain('const A = 3u;');
    expect(text.match(/\{\nx;\n\}/g)).toHaveLength(8);
  });

  it('keeps names that only contain the variable, and braces of the body', () => {
    const text = expand('for (var i = 0u; i < 2u; i++) { // unroll\nif (ii[i] > 0) { ai = i; }\n}');
    expect(text.replace(/\n/g, '')).toBe('{if (ii[0u] > 0) { ai = 0u; }}{if (ii[1u] > 0) { ai = 1u; }}');
  });

  it('reads sums from left to right, and no kernel has one that means something else', () => {
    for (const [name, { source }] of Object.entries(KERNELS)) {
      const sums = [...source.matchAll(/^const \w+ = ([^;]+);|i?\w+ < ([^;]+); \w+\+\+\) \{ \/\/ unroll/gm)];
      for (const [, constant, bound] of sums)
        expect(`${name}: ${constant ?? bound}`).not.toMatch(/[+-][^+-]*[*/%]|[()]/);
    }
  });

  it.each(Object.entries(KERNELS))('leaves no marked loop in %s', (_, { source }) => {
    expect(expand(source)).not.toContain('// unroll');
  });
});
