/** The names that the build may shorten: private and internal ones that nothing else can mean. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { internalNames, privateNames } from '../../build/private-names.mjs';

const SOURCE = `class Box {
  private readonly lid = 1;
  private static async open() {}
  private get depth() { return this.lid; }
  private shared = 2;
  private key = 3;
  private listed = 4;
  private quoted = 5;
  /** private commented = 6; */
  visible = 7;
}`;

/** A folder of these files for as long as `use` uses it. */
async function inFolder(files: Record<string, string>, use: (folder: string) => unknown): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-webgpu-names-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it('are private members that every bundle knows behind `this` alone', async () => {
  const bundles = [
    'class Box { constructor(lid) { this.lid = lid; this.shared = 2; this.visible = 7; } get depth() { return this.lid } }',
    'buffer?.shared; use({ key: 3 }); const { listed } = options; look("quoted");',
  ];
  await inFolder({ 'box.ts': SOURCE }, (folder) =>
    expect(privateNames(folder, bundles)).toEqual(['lid', 'open', 'depth']),
  );
});

/** What `index.d.ts` leads to, and a file that it does not lead to. */
const DECLARATIONS = {
  'index.d.ts': `export { Net } from './deep/net.js';`,
  'deep/net.d.ts': `/** Not of theirs: commented. */
export declare class Net { offered: typeof import('../far.js').reached; }`,
  'far.d.ts': 'export declare const reached: { gained: number };',
  'alone.d.ts': 'export declare const hidden: { plain: number };',
};

it('are properties that no declaration, no text, no pattern and no export of a file apart has', async () => {
  const bundles = [
    `const plan = { plain: 1, 'quoted': 2, offered: 3, gained: 4, given: 5, ab: 6, set behind(v) {} };
    const { hidden, commented: local, [\`table_\${kind}\`]: made } = plan;
    const tables = { table_one: 1, one_table: 2 };
    look("by name", /its pattern/, \`a \${plan.spoken} word\`, "can't");
    plan.name = plan.pattern ?? plan?.word?.();`,
    'class Box { kept = 1; static fold() { return this.kept } } use((await file).exported, it["looked"]); export { Box as exported };',
  ];
  await inFolder(DECLARATIONS, async (folder) => {
    const { internal, others } = await internalNames(folder, ['interface Platform { given: number }'], bundles);
    const expected = ['plain', 'behind', 'hidden', 'commented', 'one_table', 'spoken', 'kept', 'fold'];
    expect([...internal].sort()).toEqual(expected.sort());
    const rest = ['offered', 'gained', 'given', 'ab', 'table_one', 'name', 'pattern', 'word', 'exported'];
    expect([...others].sort()).toEqual(rest.sort());
  });
});
