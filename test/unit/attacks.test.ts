/** ATTACKS.md names a test for each attack: the file must be there, and say so. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const rows = readFileSync(`${ROOT}ATTACKS.md`, 'utf8')
  .split('\n')
  .flatMap((line) => [...line.matchAll(/^\|(.*)\|(.*)\| `([\w/-]+)` (.*?) \|$/g)])
  .map(([, attack = '', , file = '', title = '']) => ({ attack: attack.trim(), file, title }));

it('has a row for every attack', () => expect(rows.length).toBeGreaterThan(40));

it.each(rows)('$attack: $file', ({ file, title }) => {
  const path = `${ROOT}test/${file}.test.ts`;
  expect(existsSync(path), path).toBe(true);
  expect(readFileSync(path, 'utf8')).toContain(title);
});
