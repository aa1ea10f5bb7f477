/** What the guided search stands on: coverage that tells new code from old, and tapes that make an input again. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Coverage } from './coverage.js';
import { openReader, readerNames } from './judge.js';
import { hash, Tape } from './random.js';
import type { Input } from './readers.js';

describe('coverage', () => {
  it('tells an input that runs other code, or the same far more often, from one that does not', () => {
    const code = `(x) => {
      if (x > 1000) return 'large';
      let sum = 0;
      for (let i = 0; i < x; i++) sum += i;
      return x < 0 ? 'negative' : sum;
    }`;
    const run: (x: number) => unknown = new Script(code, { filename: 'guided-example.js' }).runInThisContext();
    const coverage = new Coverage((url) => url === 'guided-example.js');
    const isNew = (x: number) => {
      coverage.skip();
      run(x);
      return coverage.isNew();
    };
    expect([isNew(1), isNew(1), isNew(2)]).toEqual([true, false, false]);
    expect([isNew(-1), isNew(-2)]).toEqual([true, false]);
    expect([isNew(2000), isNew(3000)]).toEqual([true, false]);
    expect([isNew(500), isNew(501)]).toEqual([true, false]);
    coverage.skip();
    for (const x of [1, 2, -3]) run(x);
    expect(coverage.isNewIn(3)).toBe(false);
    expect(coverage.size.functions).toBe(1);
  });
});

describe('a tape', () => {
  it.each(readerNames())('makes the input of %s again, and others make others', (name) => {
    const reader = openReader(name);
    const textOf = (input: Input) =>
      [...input].map(([file, bytes]) => `${file}:${Buffer.from(bytes).toString('latin1')}`);
    const tapes = [1, 2, 3].map((seed) => new Tape([], seed));
    const texts = tapes.map((tape) => textOf(reader.make(tape)));
    for (const [i, { used }] of tapes.entries()) {
      const again = textOf(reader.make(new Tape(used, 99)));
      expect(again.length === texts[i]?.length && again.every((text, f) => text === texts[i]?.[f])).toBe(true);
    }
    expect(new Set(texts.map((text) => hash(text.join()))).size).toBeGreaterThan(1);
  });
});

describe('npm run fuzz -- --guided', () => {
  it('finds what a broken reader does, and saves the tape', () => {
    const run = fileURLToPath(new URL('run.mjs', import.meta.url));
    const args = [run, '--guided', '--reader', 'broken', '--seconds', '2', '--patience', '4000'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 110_000 });
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /FINDING broken: .*\n {2}\S+broken-guided-\d+-0\n {2}npm run fuzz -- --reader broken --tape/,
    );
  });
});
