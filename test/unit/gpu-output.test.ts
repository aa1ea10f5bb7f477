/** Rows with gaps between their channels become rows without. */
import { describe, expect, it } from 'vitest';
import { layoutChannels } from '../../src/model/channels.js';
import { denseSpans } from '../../src/runtime/gpu-output.js';

describe('denseSpans', () => {
  it('is one run where all channel counts are multiples of 4', () => {
    expect(denseSpans(layoutChannels([64, 32, 32]), 3)).toEqual([{ from: 0, to: 0, count: 384 }]);
  });

  it('leaves out what fills up a quad', () => {
    expect(denseSpans(layoutChannels([6, 4, 5]), 2)).toEqual([
      { from: 0, to: 0, count: 6 },
      { from: 8, to: 6, count: 9 },
      { from: 20, to: 15, count: 6 },
      { from: 28, to: 21, count: 9 },
    ]);
  });
});
