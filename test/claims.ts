/** The tests that ATTACKS.md and RELIABILITY.md name, and whether they ran. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** One place where a document names a test. */
export interface Claim {
  readonly document: string;
  /** From the project's root: `test/unit/x.test.ts`. */
  readonly file: string;
  /** Words of the test's full name; empty where the document names the whole file. */
  readonly title: string;
}

export interface Outcome {
  readonly fullName: string;
  readonly state: 'passed' | 'failed' | 'skipped' | 'pending';
}

export const claims = (): Claim[] => [
  ...claimsOfAttacks(readFileSync(`${ROOT}ATTACKS.md`, 'utf8')),
  ...claimsOfReliability(readFileSync(`${ROOT}RELIABILITY.md`, 'utf8')),
];

/** Rows `| attack | answer | `file` title |`. @throws Error for a row that names no test */
export function claimsOfAttacks(text: string): Claim[] {
  const rows = text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| attack |'));
  return rows.map((row) => {
    const [, name, title] = /\| `([\w/-]+)` ([^|]+) \|$/.exec(row) ?? [];
    if (!name || !title) throw new Error(`ATTACKS.md: this row names no test: ${row}`);
    return { document: 'ATTACKS.md', file: `test/${name}.test.ts`, title };
  });
}

/** Links to test files. */
export function claimsOfReliability(text: string): Claim[] {
  const files = new Set([...text.matchAll(/\((test\/[\w/-]+\.test\.ts)\)/g)].map(([, file = '']) => file));
  return [...files].map((file) => ({ document: 'RELIABILITY.md', file, title: '' }));
}

/**
 * What is wrong with the claims, one line each. A named test must have passed, unless its file was not part of the run
 * or all of it was skipped (there is no browser, for example), which the last lines of a run say.
 *
 * @param results of the files that ran, by path from the project's root
 */
export function unmetClaims(
  claims: readonly Claim[],
  results: ReadonlyMap<string, readonly Outcome[]>,
  exists = (file: string) => existsSync(join(ROOT, file)),
): string[] {
  return claims.flatMap(({ document, file, title }) => {
    const outcomes = results.get(file);
    if (!outcomes) return exists(file) ? [] : [`${document} names ${file}, which is not there`];
    if (outcomes.length > 0 && outcomes.every(({ state }) => state === 'skipped')) return [];
    const named = outcomes.filter(({ fullName }) => fullName.includes(title));
    if (named.length === 0) return [`${document}: no test of ${file} is called "${title}"`];
    if (named.some(({ state }) => state === 'passed')) return [];
    return [`${document}: "${title}" of ${file} did not pass`];
  });
}
