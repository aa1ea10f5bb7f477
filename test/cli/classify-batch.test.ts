/** `classify` on many images: results as they come, arrays, and Ctrl-C. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parseCsv } from '../../src/cli/csv.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SAMPLES = join(ROOT, 'demo/samples');
const OUT = mkdtempSync(join(tmpdir(), 'densenet-webgpu-batch-'));
afterAll(() => rmSync(OUT, { recursive: true }));
const at = (name: string): string => join(OUT, name);

const MAIN = join(ROOT, 'dist/cli/main.js');
const classify = (input: string, ...args: string[]) =>
  spawnSync(process.execPath, [MAIN, 'classify', ...args], { encoding: 'utf8', input, timeout: 110_000 });

interface Line {
  readonly image: string;
  readonly error?: string;
  readonly top?: readonly { readonly index: number; readonly label: string; readonly probability: number }[];
}
const parseLines = (text: string): Line[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** [shape, values] of an `.npy` file. */
function readNpy(path: string): { shape: number[]; values: Float32Array } {
  const bytes = readFileSync(path);
  const shape =
    /'shape': \((\d+), (\d+)\)/
      .exec(bytes.toString('latin1', 0, 128))
      ?.slice(1)
      .map(Number) ?? [];
  return { shape, values: new Float32Array(new Uint8Array(bytes.subarray(128)).buffer) };
}

const BACKENDS = [...(findBrowser('chrome') ? ['chrome'] : []), 'node'];

describe.each(BACKENDS)('many images on --backend %s', (backend) => {
  it('go in batches, fail by themselves, and leave lines and arrays in the order of the list', () => {
    const folder = at(`tree-${backend}`);
    mkdirSync(join(folder, 'deep'), { recursive: true });
    for (const name of ['airplane', 'bird', 'frog']) cpSync(join(SAMPLES, `${name}.png`), join(folder, `${name}.png`));
    cpSync(join(SAMPLES, 'ship.png'), join(folder, 'deep/ship.png'));
    writeFileSync(join(folder, 'cut.png'), readFileSync(join(SAMPLES, 'cat.png')).subarray(0, 900));
    const arrays = ['--logits', at('logits.npy'), '--embed', at('embed.npy')];
    const list = `${folder}\nnone.png\n${join(SAMPLES, '{truck,cat}.png')}\n`;
    const { status, stdout, stderr } = classify(list, '-', '--jsonl', '--batch', '3', ...arrays, '--backend', backend);
    expect(status, stderr).toBe(1);
    const lines = parseLines(stdout);
    expect(lines.map(({ image, error, top }) => [basename(image), error ?? top?.[0]?.label])).toEqual([
      ['airplane.png', 'airplane'],
      ['bird.png', 'bird'],
      ['cut.png', expect.stringMatching(/cannot be decoded/)],
      ['ship.png', 'ship'],
      ['frog.png', 'frog'],
      ['none.png', 'there is no such file: check the path'],
      ['cat.png', 'cat'],
      ['truck.png', 'truck'],
    ]);
    expect(stderr).toContain('8 of 8 pictures (2 failed)');
    const logits = readNpy(at('logits.npy'));
    const embedded = readNpy(at('embed.npy'));
    expect([logits.shape, embedded.shape]).toEqual([
      [8, 10],
      [8, 432],
    ]);
    for (const [i, { top }] of lines.entries()) {
      const row = [...logits.values.subarray(10 * i, 10 * i + 10)];
      expect(embedded.values.subarray(432 * i, 432 * i + 432).every(Number.isFinite)).toBe(top !== undefined);
      if (!top) expect(row.every(Number.isNaN)).toBe(true);
      const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
      for (const { index, probability } of top ?? [])
        expect(Math.exp(row[index] ?? Number.NaN) / total).toBeCloseTo(probability, 5);
    }
  });
});

describe('classify --csv', () => {
  it('writes a line for each image, and nothing on stdout', () => {
    const { status, stdout } = classify('', '--csv', at('out.csv'), '--top', '2', '--backend', 'node');
    expect([status, stdout]).toEqual([0, '']);
    const [head, ...rows] = parseCsv(readFileSync(at('out.csv'), 'utf8'));
    expect(head).toEqual(['image', 'error', 'label_1', 'probability_1', 'label_2', 'probability_2']);
    expect(rows).toHaveLength(8);
    for (const [image = '', error, label = ''] of rows) {
      expect(error).toBe('');
      expect(basename(image, '.png').endsWith(label), image).toBe(true);
    }
  });

  it('that cannot be written is one message, and so are two forms of output', () => {
    const lost = classify('', '--csv', at('no/such/folder.csv'), '--backend', 'node');
    expect([lost.status, lost.stderr]).toEqual([1, expect.stringMatching(/ENOENT.*folder\.csv/)]);
    expect(classify('', '--json', '--jsonl')).toMatchObject({ status: 2, stderr: expect.stringMatching(/choose one/) });
    expect(classify('', '--batch', '0')).toMatchObject({ status: 2, stderr: expect.stringMatching(/--batch is 0/) });
  });
});

describe.each(BACKENDS)('Ctrl-C on --backend %s', (backend) => {
  it.skipIf(process.platform === 'win32')('keeps what is done, in every output', async () => {
    const list = at('list.txt');
    const names = Array.from({ length: 4000 }, () => join(SAMPLES, 'frog.png'));
    writeFileSync(list, names.join('\n'));
    const outputs = ['--jsonl', '--csv', at('part.csv'), '--logits', at('part.npy'), '--batch', '4'];
    const child = spawn(process.execPath, [MAIN, 'classify', '-', ...outputs, '--backend', backend]);
    child.stdin.end(readFileSync(list));
    let text = '';
    child.stdout.on('data', (chunk) => {
      if (text === '') child.kill('SIGINT');
      text += chunk;
    });
    const status = await new Promise((resolve) => child.on('close', resolve));
    const lines = parseLines(text);
    expect(status).toBe(130);
    expect(lines.length).toBeGreaterThanOrEqual(4);
    expect(lines.length).toBeLessThan(names.length);
    expect(lines.every(({ top }) => top?.[0]?.label === 'frog')).toBe(true);
    expect(parseCsv(readFileSync(at('part.csv'), 'utf8'))).toHaveLength(1 + lines.length);
    expect(readNpy(at('part.npy')).shape).toEqual([lines.length, 10]);
  });
});
