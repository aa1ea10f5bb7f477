/** test/claims.ts: what a run reports of the tests that ATTACKS.md and RELIABILITY.md name. */
import { describe, expect, it } from 'vitest';
import { type Claim, claims, claimsOfAttacks, claimsOfReliability, type Outcome, unmetClaims } from '../claims.js';

const CLAIM: Claim = { document: 'ATTACKS.md', file: 'test/unit/bombs.test.ts', title: 'a zip that expands' };
const ALSO_RAN: Outcome = { fullName: 'bombs > a small zip', state: 'passed' };

/** Of a run of the claim's file, with one test of this name and state beside another that passed. */
function unmet(fullName: string, state: Outcome['state'], others: readonly Outcome[] = [ALSO_RAN]): string[] {
  return unmetClaims([CLAIM], new Map([[CLAIM.file, [...others, { fullName, state }]]]));
}

describe('a test that a document names', () => {
  it('has to pass', () => {
    expect(unmet('bombs > a zip that expands twice', 'passed')).toEqual([]);
    const line = 'ATTACKS.md: "a zip that expands" of test/unit/bombs.test.ts did not pass';
    expect(unmet('bombs > a zip that expands twice', 'failed')).toEqual([line]);
    expect(unmet('bombs > a zip that expands twice', 'skipped')).toEqual([line]);
  });

  it('has to be there under its name', () => {
    expect(unmet('bombs > a zip', 'passed')).toEqual([
      'ATTACKS.md: no test of test/unit/bombs.test.ts is called "a zip that expands"',
    ]);
    expect(unmetClaims([CLAIM], new Map([[CLAIM.file, []]]))).toHaveLength(1);
  });

  it('is in a file that is there', () => {
    const unmet = unmetClaims([CLAIM], new Map(), () => false);
    expect(unmet).toEqual(['ATTACKS.md names test/unit/bombs.test.ts, which is not there']);
  });

  it('is not missed in a run of other files, or where its whole file is skipped', () => {
    expect(unmetClaims([CLAIM], new Map(), () => true)).toEqual([]);
    expect(unmet('bombs > a zip that expands twice', 'skipped', [])).toEqual([]);
  });
});

describe('the documents', () => {
  it('name a test for every attack, in files that are there', () => {
    const all = claims();
    expect(all.filter(({ document }) => document === 'ATTACKS.md').length).toBeGreaterThan(40);
    expect(all.filter(({ document }) => document === 'RELIABILITY.md').length).toBeGreaterThan(8);
    expect(unmetClaims(all, new Map())).toEqual([]);
  });

  it('are read row by row and link by link', () => {
    const table = '| attack | answer | test |\n|---|---|---|\n| a `b` | c | `unit/x-y` words, of its title |\n';
    expect(claimsOfAttacks(table)).toEqual([
      { document: 'ATTACKS.md', file: 'test/unit/x-y.test.ts', title: 'words, of its title' },
    ]);
    expect(() => claimsOfAttacks('| a | b | see below |')).toThrow('this row names no test: | a | b | see below |');
    expect(claimsOfReliability('| a | [x](test/unit/x.test.ts), [x](test/unit/x.test.ts), [y](docs/y.md) |')).toEqual([
      { document: 'RELIABILITY.md', file: 'test/unit/x.test.ts', title: '' },
    ]);
  });
});
