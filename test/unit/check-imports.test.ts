/** build/check-imports.mjs, on small folders with one fault each. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { importFaults } from '../../build/check-imports.mjs';

const SCRIPT = fileURLToPath(new URL('../../build/check-imports.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'densenet-webgpu-imports-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const CIRCLE = {
  'core/a.ts': "import { b } from './b.js';\nexport const a = () => b;",
  'core/b.ts': "import { a } from './a.js';\nexport const b = () => a;",
};

/** Writes files below `src/` of the folder. */
function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, 'src', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

async function faultsOf(files: Readonly<Record<string, string>>): Promise<string[]> {
  write(files);
  return importFaults(folder);
}

describe('the check of imports', () => {
  it('passes imports that go down', async () => {
    const faults = await faultsOf({
      'index.ts': "export { run } from './runtime/run.js';",
      'runtime/run.ts': "import { one } from '../core/one.js';\nexport const run = () => one;",
      'core/one.ts': 'export const one = 1;',
    });
    expect(faults).toEqual([]);
  });

  it('finds a circle', async () => {
    expect(await faultsOf(CIRCLE)).toEqual([
      expect.stringMatching(/^a circle: src\/core\/[ab].ts → src\/core\/[ab].ts$/),
    ]);
  });

  it('finds a circle of types', async () => {
    const faults = await faultsOf({
      'core/a.ts': "import type { B } from './b.js';\nexport interface A { b: B }",
      'core/b.ts': "import type { A } from './a.js';\nexport interface B { a: A }",
    });
    expect(faults).toEqual([expect.stringMatching(/^a circle: /)]);
  });

  it('finds an import that goes up, of a type too', async () => {
    const faults = await faultsOf({
      'core/one.ts': "import type { Run } from '../runtime/run.js';\nexport const one: Run = 1;",
      'runtime/run.ts': 'export type Run = number;',
    });
    expect(faults).toEqual(['src/core/one.ts imports upwards: src/runtime/run.ts']);
  });

  it('finds an import of a file that is not there', async () => {
    const faults = await faultsOf({ 'core/one.ts': "export { two } from './two.js';" });
    expect(faults).toEqual(['src/core/one.ts imports ./two.js, which is not there']);
  });

  it('finds a folder that has no place in the order', async () => {
    const faults = await faultsOf({ 'utils/one.ts': 'export const one = 1;' });
    expect(faults).toEqual(['src/utils/one.ts is in no folder that build/check-imports.mjs lists']);
  });

  it('exits with 1 and prints what it found', () => {
    write(CIRCLE);
    const { status, stderr } = spawnSync(process.execPath, [SCRIPT, folder], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([1, expect.stringContaining('a circle')]);
  });
});
