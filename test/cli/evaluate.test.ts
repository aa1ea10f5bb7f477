/** `evaluate` on the bundled samples, and on test pictures of CIFAR-10 where they are beside the checkout. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { csvLine, parseCsv } from '../../src/cli/csv.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CIFAR = join(ROOT, '../shared/images/cifar10-test-200');
const OUT = mkdtempSync(join(tmpdir(), 'densenet-webgpu-evaluate-'));
afterAll(() => rmSync(OUT, { recursive: true }));
const at = (name: string): string => join(OUT, name);

function evaluate(...args: string[]) {
  const command = [join(ROOT, 'dist/cli/main.js'), 'evaluate', '--backend', 'node', ...args];
  return spawnSync(process.execPath, command, { encoding: 'utf8', timeout: 110_000 });
}

describe('evaluate', () => {
  it('finds the bundled samples right, with the table, the picture and the predictions as files', async () => {
    const files = ['--csv', at('table.csv'), '--confusion', at('matrix.png'), '--predictions', at('all.csv')];
    const { status, stdout, stderr } = evaluate(...files);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^100\.00 % right \(8 of 8 pictures\)\n/);
    expect(stdout).toMatch(/\nship +2 +100\.0 % +100\.0 %\n/);
    const table = parseCsv(readFileSync(at('table.csv'), 'utf8'));
    expect(table).toHaveLength(11);
    expect(table.find(([, name]) => name === 'ship')).toEqual(['8', 'ship', '2', '2', '2', '1', '1']);
    const predictions = parseCsv(readFileSync(at('all.csv'), 'utf8')).slice(1);
    for (const [, error, truth, predicted] of predictions) expect([error, predicted]).toEqual(['', truth]);
    const { width, height } = await sharp(at('matrix.png')).metadata();
    expect([width, height]).toEqual([308, 308]);
  });

  it('counts wrong labels, and reports a picture that cannot be used', () => {
    const rows = ['frog.png,cat', 'ship.png,8', 'none.png,cat', 'bird.png,cow'];
    writeFileSync(at('labels.csv'), `image,label\n${rows.join('\n')}\n`);
    const { status, stdout, stderr } = evaluate(join(ROOT, 'demo/samples'), '--labels', at('labels.csv'), '--json');
    const { images, right, top1, failed, confusion, adapter } = JSON.parse(stdout);
    expect([status, images, right, top1, failed, adapter.backend]).toEqual([1, 2, 1, 0.5, 2, 'node']);
    expect(confusion).toEqual([
      { true: 3, predicted: 6, images: 1 },
      { true: 8, predicted: 8, images: 1 },
    ]);
    expect(stderr).toMatch(/none\.png: there is no such file/);
    expect(stderr).toMatch(/bird\.png: no label is a class of the model, but the model names one class/);
  });

  it('says what is wrong before a GPU is asked for', () => {
    const wrong = (...args: string[]) => evaluate(...args);
    expect(wrong('--confusion', 'x.txt')).toMatchObject({ status: 2, stderr: expect.stringMatching(/\.png or \.csv/) });
    expect(wrong(join(ROOT, 'demo/samples'))).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/airplane\.png lies in no class folder/),
    });
    expect(wrong('none')).toMatchObject({ status: 1, stderr: expect.stringMatching(/^none: there is no such file/) });
  });

  it.skipIf(!existsSync(CIFAR))('gives about 93.55 % on 200 test pictures of CIFAR-10', () => {
    const { images } = JSON.parse(readFileSync(join(CIFAR, 'labels.json'), 'utf8'));
    const lines = images.map(({ file, label }: { file: string; label: number }) => csvLine([file, label]));
    writeFileSync(at('cifar.csv'), csvLine(['image', 'label']) + lines.join(''));
    const { status, stdout, stderr } = evaluate(CIFAR, '--labels', at('cifar.csv'), '--json');
    expect(status, stderr).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.images).toBe(200);
    // Within three standard deviations of a share of 200 pictures.
    expect(Math.abs(report.top1 - 0.9355)).toBeLessThan(3 * Math.sqrt((0.9355 * 0.0645) / 200));
    expect(report.top5).toBeGreaterThan(0.98);
    expect(report.classes.every((row: { images: number }) => row.images === 20)).toBe(true);
  });
});
