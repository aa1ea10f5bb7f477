/** The code blocks of docs/embedding.md and of the README's "In your project" are files that test/embedding runs. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { PROGRAMS } from '../embedding/programs.js';
import { PROJECTS } from '../embedding/projects.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Block {
  readonly text: string;
  /** From the project's root; null where the line above the block links to no file of test/embedding. */
  readonly file: string | null;
}

/** The code blocks of a page, or of one of its sections. Shell commands are checked in docs.test.ts. */
function blocksOf(page: string, section?: string): Block[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const part = section === undefined ? text : (text.split(/^## /m).find((each) => each.startsWith(section)) ?? '');
  return [...part.matchAll(/(?:^(.*)\n\n)?```(\w+)\n([\s\S]*?)```/gm)].flatMap(
    ([, above = '', language, code = '']) => {
      if (language === 'sh') return [];
      const link = /\]\(((?:\.\.\/)?test\/embedding\/[^)]+)\):$/.exec(above)?.[1];
      return [{ text: code, file: link === undefined ? null : normalize(join(dirname(page), link)) }];
    },
  );
}

const DOCS = blocksOf('docs/embedding.md');

describe.each([
  ['docs/embedding.md', DOCS, 15],
  ['README.md, "In your project"', blocksOf('README.md', 'In your project'), 1],
] as const)('%s', (_, blocks, atLeast) => {
  it('has only code blocks that are files of test/embedding', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(atLeast);
    for (const { file, text } of blocks) {
      expect(file, `the file of: ${text}`).not.toBeNull();
      expect(text, `${file}`).toBe(readFileSync(join(ROOT, file ?? ''), 'utf8'));
    }
  });
});

describe('the projects of test/embedding', () => {
  const names = [...PROJECTS, ...PROGRAMS].map(({ name }) => name);

  it('are all the folders there, each with a code block', () => {
    const entries = readdirSync(join(ROOT, 'test/embedding'), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    expect(folders.sort()).toEqual([...names].sort());
    for (const name of names)
      expect(
        DOCS.some(({ file }) => file?.startsWith(`test/embedding/${name}/`)),
        name,
      ).toBe(true);
  });

  it('are all in the table, and none has failed', () => {
    const [, table = ''] = readFileSync(join(ROOT, 'docs/embedding.md'), 'utf8').split(
      /<!-- made by.*?-->|<!-- end -->/,
    );
    const rows = table.split('\n').filter((line) => line.startsWith('| ['));
    expect(rows.map((row) => /\.\.\/test\/embedding\/([\w-]+)\)/.exec(row)?.[1])).toEqual(names);
    for (const row of rows) expect(row).not.toContain('FAILED');
  });
});

describe('the lock files of test/embedding', () => {
  const locked = PROJECTS.filter(({ name }) =>
    readdirSync(join(ROOT, 'test/embedding', name)).includes('package-lock.json'),
  );

  it.each(locked.map(({ name }) => name))('%s: every package is pinned by hash', (name) => {
    const lock = JSON.parse(readFileSync(join(ROOT, 'test/embedding', name, 'package-lock.json'), 'utf8'));
    const packages = Object.entries<{ integrity?: string }>(lock.packages).filter(([path]) => path !== '');
    expect(packages.length).toBeGreaterThan(0);
    for (const [path, { integrity }] of packages) expect(integrity, path).toMatch(/^sha512-[\w+/]{86}==$/);
  });
});
