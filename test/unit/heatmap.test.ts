/** The colours of a class activation map: from zero, on one scale, and transparent where nothing speaks for the class. */
import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/core/errors.js';
import { Heatmap, type OverlayOptions } from '../../src/runtime/heatmap.js';

/** [red, green, blue, alpha] of each cell. */
function cellsOf(values: readonly number[], options: OverlayOptions = {}): number[][] {
  const map = new Heatmap(3, 'frog', values.length, 1, Float32Array.from(values));
  const { data } = map.overlay(values.length, 1, options);
  return values.map((_, i) => [...data.subarray(4 * i, 4 * i + 4)]);
}
const alphasOf = (values: readonly number[], options: OverlayOptions = {}) =>
  cellsOf(values, options).map(([, , , alpha]) => alpha);

describe('overlay', () => {
  it('leaves values of zero and below transparent', () => {
    expect(alphasOf([-6.1, -1, 0, 6.1])).toEqual([0, 0, 0, 210]);
  });

  it('does not colour the largest value when it is small beside the values against the class', () => {
    const [, , , strongest = 255] = cellsOf([-6.1, -3, 0.02]).at(-1) ?? [];
    expect(strongest).toBeLessThanOrEqual(1);
  });

  it('colours values against the class in blue on a signed scale', () => {
    const [against, none, favour] = cellsOf([-4, 0, 4], { scale: 'signed' });
    expect(against).toEqual([0, 70, 255, 225]);
    expect(none?.[3]).toBe(0);
    expect(favour).toEqual([255, 245, 0, 210]);
  });

  it('takes one scale for several maps, and clips values beyond it', () => {
    expect(alphasOf([1, 2, 4, 8], { max: 4 })).toEqual([52, 105, 210, 210]);
    expect(alphasOf([-8, -2], { max: 4, scale: 'signed' })).toEqual([225, 112]);
  });

  it('is transparent for a map of zeros', () => {
    expect(alphasOf([0, 0])).toEqual([0, 0]);
  });

  it('enlarges bilinearly', () => {
    const map = new Heatmap(0, 'a', 2, 1, Float32Array.of(0, 4));
    const { data, width, height } = map.overlay(4, 2);
    expect([width, height]).toEqual([4, 2]);
    const alphas = Array.from({ length: 8 }, (_, i) => data[4 * i + 3]);
    expect(alphas).toEqual([0, 52, 158, 210, 0, 52, 158, 210]);
  });

  it.each([0, -1, Number.NaN])('rejects a scale that ends at %d', (max) => {
    expect(() => alphasOf([1], { max })).toThrow(/^max is .*: make it a number above zero/);
  });

  it.each<[width: number, height: number, options: object, message: RegExp]>([
    [-1, 5, {}, /^width is -1: make it a whole number of pixels, 1 to 16384$/],
    [5, 0.5, {}, /^height is 0\.5: make it a whole number/],
    [2 ** 20, 1, {}, /^width is 1048576/],
    [5, 5, { scale: 'log' }, /^scale is "log": make it one of positive, signed$/],
    [5, 5, { opacity: 1 }, /^overlay\(\) has no option opacity: it takes width, height, scale, max$/],
  ])('rejects %d×%d with %j', (width, height, options, message) => {
    const map = new Heatmap(0, 'a', 1, 1, Float32Array.of(1));
    expect(() => map.overlay(width, height, options)).toThrow(message);
    expect(() => map.overlay(width, height, options)).toThrow(OptionError);
  });
});

describe('peak and magnitude', () => {
  it('are the largest value and the largest magnitude', () => {
    const map = new Heatmap(0, 'a', 3, 1, Float32Array.of(-6, -2, 0.5));
    expect([map.peak, map.magnitude]).toEqual([0.5, 6]);
  });
});

describe('toImageData', () => {
  it('says what to call instead outside browsers', () => {
    const map = new Heatmap(0, 'a', 1, 1, Float32Array.of(1));
    expect(() => map.toImageData()).toThrow(/no ImageData outside browsers: call overlay\(\)/);
  });
});
