/** What `evaluate` computes, and how it reads the labels of a test set. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { drawConfusion } from '../../src/cli/confusion-picture.js';
import { LabelScorer, SingleClassScorer } from '../../src/cli/evaluation.js';
import { tableCsv } from '../../src/cli/evaluation-report.js';
import { LabelScore, SingleLabelScore } from '../../src/cli/metrics.js';
import { classNames, imagesOfCsv, imagesOfFolders } from '../../src/cli/truth.js';
import { gray16 } from '../cli/images.js';

const FOLDER = mkdtempSync(join(tmpdir(), 'densenet-webgpu-evaluate-'));
afterAll(() => rmSync(FOLDER, { recursive: true }));
const at = (name: string) => join(FOLDER, name);
const PNG = gray16(1, 1, () => 0);
function put(...names: string[]) {
  for (const name of names) {
    mkdirSync(join(at(name), '..'), { recursive: true });
    writeFileSync(at(name), PNG);
  }
}

describe('accuracy and calibration', () => {
  it('count right, among the best five, confused, and the gap between confidence and accuracy', () => {
    const score = new SingleLabelScore(7);
    const scores = (...list: number[]) => Float32Array.from(list);
    expect(score.add(scores(0.5, 0.3, 0.2, 0, 0, 0, 0), 0)).toBe(0);
    expect(score.add(scores(0.5, 0.3, 0.2, 0, 0, 0, 0), 1)).toBe(0);
    // Of equal scores the first class is named, and class 5 is sixth.
    expect(score.add(scores(0.25, 0.25, 0.25, 0.25, 0, 0, 0), 5)).toBe(0);
    expect(score.add(scores(0.02, 0.02, 0.02, 0.02, 0.9, 0.01, 0.01), 4)).toBe(4);
    const { top1, top5, calibrationError, classes, confusion, bins } = score.report();
    expect([top1, top5]).toEqual([0.5, 0.75]);
    // Bins: two of 0.5 with one right, one of 0.25 wrong, one of 0.9 right.
    expect(calibrationError).toBeCloseTo((2 * 0 + 0.25 + 0.1) / 4, 6);
    expect(bins.filter(({ images }) => images > 0).map(({ images }) => images)).toEqual([1, 2, 1]);
    expect(classes[0]).toEqual({ index: 0, images: 1, right: 1, predicted: 3 });
    expect(confusion).toEqual([
      { true: 0, predicted: 0, images: 1 },
      { true: 1, predicted: 0, images: 1 },
      { true: 4, predicted: 4, images: 1 },
      { true: 5, predicted: 0, images: 1 },
    ]);
  });

  it('name one class only, so that an image must have exactly one', () => {
    const scorer = new SingleClassScorer(3);
    const image = (present: number[]) => ({ path: 'a.png', truth: { present, unknown: [] } });
    expect(scorer.checked(image([1])).error).toBeUndefined();
    expect(scorer.checked(image([])).error).toMatch(/^no label is a class of the model/);
    expect(scorer.checked(image([0, 1])).error).toMatch(/^it has 2 labels/);
  });
});

describe('the area under the ROC curve', () => {
  it('is the share of pairs in order, for any scores with ties', () => {
    const entries = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.boolean()), { maxLength: 40 });
    fc.assert(
      fc.property(entries, (list) => {
        const label = new LabelScore(0, 0.5);
        for (const [score, isPresent] of list) label.add(score / 6, isPresent);
        const [present, absent] = [true, false].map((wanted) => list.filter(([, is]) => is === wanted));
        const order = (a: number, b: number) => (a > b ? 1 : a === b ? 0.5 : 0);
        const pairs = present?.flatMap(([a]) => absent?.map(([b]) => order(a, b)) ?? []) ?? [];
        const { auroc } = label.report();
        if (pairs.length === 0) expect(auroc).toBeNull();
        else expect(auroc).toBeCloseTo(pairs.reduce<number>((sum, value) => sum + value, 0) / pairs.length, 9);
      }),
    );
  });

  it('comes with what the threshold gives, and with the threshold that would give most', () => {
    const scorer = new LabelScorer(2, [0.7, null]);
    const add = (score: number, present: number[], unknown: number[] = []) =>
      scorer.add(Float32Array.of(score, 0.6), { present, unknown });
    expect(add(0.9, [0]).predicted).toEqual([0, 1]);
    add(0.6, [0]);
    add(0.8, []);
    add(0.1, [], [1]);
    const { meanAuroc, images, classes } = scorer.report();
    expect([images, meanAuroc]).toEqual([4, 0.75]);
    expect(classes[0]).toMatchObject({
      positives: 2,
      negatives: 2,
      auroc: 0.75,
      sensitivity: 0.5,
      specificity: 0.5,
      f1: 0.5,
    });
    expect(classes[0]?.bestThreshold).toBeCloseTo(0.9, 6);
    // Class 1 is in no image: there is no curve, and an image of which it is not known does not count.
    expect(classes[1]).toMatchObject({ positives: 0, negatives: 3, auroc: null, threshold: 0.5, sensitivity: null });
    expect(tableCsv(scorer.report(), { labels: ['a', 'b'] })).toMatch(/\r\n1,b,0,3,,0\.5,,0,0,0,\r\n$/);
  });
});

describe('class folders', () => {
  const found = (folder: string, count: number, labels?: readonly string[], listed: readonly string[] | null = null) =>
    imagesOfFolders(at(folder), classNames(count, labels, listed)).map(({ path, truth }) => [
      relative(at(folder), path),
      ...truth.present,
    ]);

  it('are named by a class in any spelling, or by its index, and may have folders in them', () => {
    put(
      'names/Fire_engine/a.png',
      'names/fire-engine/deep/b.png',
      'names/CAT/c.png',
      'indices/00/x.png',
      'indices/1/y.png',
    );
    expect(found('names', 2, ['cat', 'fire engine'])).toEqual([
      ['CAT/c.png', 0],
      ['Fire_engine/a.png', 1],
      ['fire-engine/deep/b.png', 1],
    ]);
    expect(found('indices', 2)).toEqual([
      ['00/x.png', 0],
      ['1/y.png', 1],
    ]);
    // A class's own name goes before an index.
    expect(found('indices', 3, ['2', '1', '00'])).toEqual([
      ['00/x.png', 2],
      ['1/y.png', 1],
    ]);
  });

  it('are ImageNet’s synsets in their order, or those that --classes lists', () => {
    put('synsets/n01443537/a.png', 'synsets/n01440764/b.png');
    expect(found('synsets', 2, ['tench', 'goldfish'])).toEqual([
      ['n01440764/b.png', 0],
      ['n01443537/a.png', 1],
    ]);
    expect(found('synsets', 2, ['n01443537', 'n01440764'])).toEqual([
      ['n01440764/b.png', 1],
      ['n01443537/a.png', 0],
    ]);
    const lines = ['n01440764 tench, Tinca tinca', 'n01484850 great white shark', 'n01443537 goldfish'];
    expect(found('synsets', 3, ['tench', 'shark', 'goldfish'], lines)).toEqual([
      ['n01440764/b.png', 0],
      ['n01443537/a.png', 2],
    ]);
  });

  it('that fit no class, or two, are refused by name, and so are images outside of them', () => {
    put('crane/crane/a.png', 'loose/a.png');
    expect(() => found('crane', 3, ['crane', 'crane', 'cat'])).toThrow(
      /^not exactly one class of the model \(crane, crane, cat\) is named like the folder crane: rename it, or pass --classes/,
    );
    expect(() => found('loose', 3)).toThrow(
      /loose\/a\.png lies in no class folder: put it into a folder named by its class/,
    );
    expect(() => found('synsets', 3, ['tench', 'shark', 'goldfish'])).toThrow(/like the folder n01440764, n01443537/);
    expect(() => found('names', 3, [], ['a', 'b'])).toThrow('--classes has 2 lines, but the model has 3 classes');
  });
});

describe('a CSV of labels', () => {
  const read = (text: string, count: number, labels?: readonly string[]) => {
    writeFileSync(at('labels.csv'), text);
    return imagesOfCsv(at('labels.csv'), undefined, classNames(count, labels, null)).map(({ path, error, truth }) => ({
      ...{ name: relative(FOLDER, path), ...truth },
      ...(error === undefined ? {} : { error }),
    }));
  };
  put('one.png', 'two.png');

  it('has a column of names or indices, several with | between', () => {
    expect(
      read('Image Index,Finding Labels\none.png,Cat|dog\ntwo.png,No Finding\nthree.png,1\n', 2, ['cat', 'dog']),
    ).toEqual([
      { name: 'one.png', present: [0, 1], unknown: [] },
      { name: 'two.png', present: [], unknown: [] },
      { name: 'three.png', present: [1], unknown: [], error: 'there is no such file: check --labels' },
    ]);
  });

  it('or a column for each class, where what is empty, -1 or has no column is not known', () => {
    expect(read('path,Age,dog,cat\none.png,60,1.0,0\ntwo.png,61,-1.0,\n', 3, ['cat', 'dog', 'bird'])).toEqual([
      { name: 'one.png', present: [1], unknown: [2] },
      { name: 'two.png', present: [], unknown: [2, 1, 0] },
    ]);
  });

  it('without such columns is refused', () => {
    expect(() => read('a,b\none.png,cat\n', 1, ['cat'])).toThrow(/no column is named image, file or path/);
    expect(() => read('image,b\none.png,x\n', 1, ['cat'])).toThrow(
      /no column is named label, and none like a class of the/,
    );
  });
});

describe('the picture of a confusion matrix', () => {
  it('is darker where more of a row’s images are, with a cell for each pair', async () => {
    const pairs = [
      { true: 0, predicted: 0, images: 30 },
      { true: 0, predicted: 2, images: 10 },
      { true: 2, predicted: 1, images: 5 },
    ];
    const { data, info } = await sharp(drawConfusion(pairs, 3)).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([112, 112, 3]);
    // The corner of a cell has no digit. Row by row: the red part, which falls from 240 to 8.
    const red = (row: number, column: number) => data[3 * ((28 * (row + 1) + 2) * 112 + 28 * (column + 1) + 2)];
    const cells = [0, 1, 2].map((row) => [0, 1, 2].map((column) => red(row, column)));
    expect(cells).toEqual([
      [39, 240, 124],
      [240, 240, 240],
      [240, 8, 240],
    ]);
    const large = await sharp(drawConfusion(pairs, 1000)).metadata();
    expect([large.width, large.height]).toEqual([1000, 1000]);
  });
});
