/** The names that the build may shorten: private ones that nothing else can mean. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { privateNames } from '../../build/private-names.mjs';

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

it('are private members that every bundle knows behind `this` alone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-webgpu-names-'));
  try {
    writeFileSync(join(folder, 'box.ts'), SOURCE);
    const bundles = [
      'class Box { constructor(lid) { this.lid = lid; this.shared = 2; this.visible = 7; } get depth() { return this.lid } }',
      'buffer?.shared; use({ key: 3 }); const { listed } = options; look("quoted");',
    ];
    expect(privateNames(folder, bundles)).toEqual(['lid', 'open', 'depth']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
