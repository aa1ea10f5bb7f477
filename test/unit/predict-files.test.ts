/** Image files in batches, with a runner that only keeps accounts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ImageArgument } from '../../src/cli/list-images.js';
import { predictFiles } from '../../src/cli/predict-files.js';
import type { ImageRunner, RunnerImage, Vectors } from '../../src/cli/runner.js';
import { ImageError } from '../../src/core/errors.js';
import { gray16 } from '../cli/images.js';

const FOLDER = mkdtempSync(join(tmpdir(), 'densenet-webgpu-predict-'));
afterAll(() => rmSync(FOLDER, { recursive: true }));

/** A file of this width, which the runner below gives back as the only score. */
function imageOf(width: number): ImageArgument {
  const path = join(FOLDER, `${width}.png`);
  writeFileSync(
    path,
    gray16(width, 1, () => 0),
  );
  return { path };
}

const turn = () => new Promise((resolve) => setTimeout(resolve));

class AccountingRunner implements ImageRunner {
  readonly calls: (readonly number[])[] = [];
  /** Of the images that are open, by their numbers. */
  readonly widths = new Map<number, number>();
  opened = 0;
  mostOpen = 0;

  /** @param tooWide width from which on the GPU refuses an image */
  constructor(
    readonly tooWide = Number.POSITIVE_INFINITY,
    readonly onPredict: () => void = () => {},
  ) {}

  async open({ header, path }: RunnerImage): Promise<number> {
    const id = ++this.opened;
    // Later images are decoded sooner.
    for (let turns = 100 - header.width; turns > 0; turns -= 20) await turn();
    if (header.width % 10 === 3) throw new ImageError(`${basename(path)} is damaged`);
    this.widths.set(id, header.width);
    this.mostOpen = Math.max(this.mostOpen, this.widths.size);
    return id;
  }

  async predict(images: readonly number[]): Promise<Vectors> {
    this.onPredict();
    this.calls.push(images.map((id) => this.widths.get(id) ?? Number.NaN));
    await turn();
    const row = images.map((id) => this.widths.get(id) ?? Number.NaN);
    if (row.some((width) => width >= this.tooWide)) throw new ImageError('too wide');
    return new Map([['scores', { shape: [row.length, 1], data: Float32Array.from(row) }]]);
  }

  release(images: readonly number[]): void {
    for (const id of images) this.widths.delete(id);
  }
}

async function run(runner: ImageRunner, images: readonly ImageArgument[], batch: number, signal?: AbortSignal) {
  const found: (number | string)[] = [];
  for await (const outcome of predictFiles(runner, images, { batch, vectors: ['scores'], ...(signal && { signal }) }))
    found.push('error' in outcome ? outcome.error : (outcome.vectors.get('scores')?.[0] ?? Number.NaN));
  return found;
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('image files in batches', () => {
  it('come in their order, in calls of one size, the last one filled with its first image', async () => {
    const runner = new AccountingRunner();
    const list = [4, 5, 6, 7, 8, 9, 10];
    expect(await run(runner, list.map(imageOf), 3)).toEqual(list);
    expect(runner.calls).toEqual([
      [4, 5, 6],
      [7, 8, 9],
      [10, 10, 10],
    ]);
    expect(runner.widths.size, 'images that were not released').toBe(0);
  });

  it('that are missing, damaged or refused by the GPU cost themselves only', async () => {
    const runner = new AccountingRunner(50);
    const images = [
      imageOf(4),
      { path: 'none.png', error: 'there is no such file' },
      imageOf(13),
      { path: join(FOLDER, 'gone.png') },
      ...[5, 60, 6, 7].map(imageOf),
    ];
    expect(await run(runner, images, 2)).toEqual([
      4,
      'there is no such file',
      '13.png is damaged',
      expect.stringMatching(/^the file cannot be read: ENOENT/),
      5,
      'too wide',
      6,
      7,
    ]);
    // Of the batch with the image that is too wide, each went alone.
    expect(runner.calls.every((call) => call.length === 2)).toBe(true);
    expect(runner.widths.size).toBe(0);
  });

  it('are decoded ahead of the GPU, and not much further', async () => {
    const openedAtCalls: number[] = [];
    const runner: AccountingRunner = new AccountingRunner(undefined, () => void openedAtCalls.push(runner.opened));
    const list = range(21, 22).concat(range(24, 32), range(34, 42));
    expect(await run(runner, list.map(imageOf), 2)).toEqual(list);
    // Two batches behind the one that begins, and an image of the next, which has shown that this one is full.
    expect(openedAtCalls.slice(0, 3)).toEqual([7, 9, 11]);
    expect(runner.mostOpen).toBeLessThanOrEqual(9);
  });

  it('that together take too much memory decoded go in smaller batches', async () => {
    const path = join(FOLDER, 'huge.png');
    const bytes = gray16(8, 1, () => 0);
    bytes.writeUInt32BE(6000, 16);
    bytes.writeUInt32BE(6000, 20);
    writeFileSync(path, bytes); // by its header 144 MB decoded
    const runner = new AccountingRunner();
    expect(await run(runner, [{ path }, { path }, { path }], 3)).toEqual([6000, 6000, 6000]);
    expect(runner.calls).toHaveLength(3);
    expect(runner.mostOpen).toBeLessThanOrEqual(3);
  });

  it('end after the calls that have begun when the signal fires', async () => {
    const controller = new AbortController();
    const runner: AccountingRunner = new AccountingRunner(undefined, () => {
      if (runner.calls.length === 1) controller.abort();
    });
    const list = range(24, 32);
    expect(await run(runner, list.map(imageOf), 2, controller.signal)).toEqual([24, 25, 26, 27]);
  });

  it('stop at an error that is not of an image', async () => {
    const runner = new AccountingRunner(undefined, () => {
      throw new TypeError('the device is lost');
    });
    await expect(run(runner, [4, 5, 6, 7].map(imageOf), 1)).rejects.toThrow('the device is lost');
  });
});
