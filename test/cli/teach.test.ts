/** `teach` on folders of drawn pictures: a model file out, which `classify` reads; and wrong usage. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { readModel } from '../../src/weights/model-file.js';
import { drawShape, type ShapeName } from '../reference/drawn-shapes.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const OUT = mkdtempSync(join(tmpdir(), 'densenet-webgpu-teach-'));
afterAll(() => rmSync(OUT, { recursive: true }));
const at = (...parts: string[]): string => join(OUT, ...parts);

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    timeout: 110_000,
  });
  return { status, stdout, stderr };
}

async function drawInto(folder: string, name: ShapeName, first: number, count: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (let i = first; i < first + count; i++) {
    const { data, width, height } = drawShape(name, i);
    await sharp(data, { raw: { width, height, channels: 4 } })
      .png()
      .toFile(join(folder, `${name}-${i}.png`));
  }
}

beforeAll(async () => {
  await drawInto(at('shapes', 'disc'), 'disc', 0, 6);
  await drawInto(at('shapes', 'cross'), 'cross', 0, 6);
  await drawInto(at('shapes', 'other'), 'triangle', 0, 6);
  await drawInto(at('unseen'), 'cross', 100, 2);
  mkdirSync(at('shapes', '.hidden'));
});

const BACKENDS = [...(findBrowser('chrome') ? ['chrome'] : []), 'node'];

describe.each(BACKENDS)('teach --backend %s', (backend) => {
  it('writes a model with the classes of the folders, and says how good it is', () => {
    const model = at(`${backend}.safetensors`);
    const { status, stdout, stderr } = run(
      ...['teach', at('shapes'), '-o', model, '--none', 'other', '--backend', backend, '--json'],
    );
    expect(status, stderr).toBe(0);
    const { accuracy, classes, bytes } = JSON.parse(stdout);
    expect(classes).toEqual(['cross', 'disc', 'other'].map((label) => ({ label, examples: 6, leftOut: 0 })));
    expect(accuracy).toBeGreaterThan(0.7);
    expect(bytes).toBe(statSync(model).size);
    expect(readModel(readFileSync(model)).metadata.labels).toEqual(['cross', 'disc', 'other']);
    const answer = run('classify', at('unseen'), '--model', model, '--backend', backend, '--json');
    const labels = JSON.parse(answer.stdout).results.map(({ top }: { top: { label: string }[] }) => top[0]?.label);
    expect(labels).toEqual(['cross', 'cross']);
  });
});

describe('teach', () => {
  it('leaves out what is no picture, writes the head alone, and prints a table', () => {
    writeFileSync(at('shapes', 'disc', 'broken.png'), readFileSync(at('shapes', 'disc', 'disc-0.png')).subarray(0, 90));
    const head = at('head.safetensors');
    const { status, stdout, stderr } = run('teach', at('shapes'), '-o', head, '--head-only', '--backend', 'node');
    expect([status, stderr]).toEqual([1, expect.stringMatching(/broken\.png: .*cannot be decoded/)]);
    expect(stdout).toMatch(/class +pictures\ncross +6\ndisc +6\nother +6\n\nIt gets \d+\.\d % of them right/);
    expect(statSync(head).size).toBeLessThan(50_000);
  });

  it.each<[string[], RegExp]>([
    [[], /^teach takes one folder/],
    [['.'], /^teach needs -o OUT\.safetensors/],
    [['/nowhere', '-o', 'x'], /^there is no folder \/nowhere: check the path/],
    [[at('unseen'), '-o', 'x'], /has 0 class folders: make one for each class, two or more/],
    [[at('shapes'), '-o', 'x', '--none', 'rest'], /^--none is rest: there is no such folder in /],
  ])('%j is wrong usage', (args, message) => {
    const { status, stderr } = run('teach', ...args);
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
