/** The first tile of a row is used unless another is clearly cheaper: each tile in use is a pipeline to compile. */
import { describe, expect, it } from 'vitest';
import { costOf } from '../../src/kernels/cost.js';
import { machineFor, type Tile } from '../../src/kernels/machines.js';
import type { ConvShape } from '../../src/kernels/shape.js';
import { candidates, type Variant } from '../../src/kernels/variants.js';
import { CAPS, F32 } from '../kernels/cases.js';

/** By how much another tile must be cheaper. */
const MARGIN = 0.95;

const SHAPES: readonly ConvShape[] = [6, 9, 10, 12, 13, 16, 20, 28].flatMap((side) =>
  [8, 16, 24, 40, 64].flatMap((inQuads) =>
    [12, 32, 64, 128].flatMap((outQuads) => {
      const size = { batch: 4, width: side, height: side, inQuads, outQuads };
      return [{ ...size, kernel: 'conv1x1' } as const, { ...size, kernel: 'conv3x3', normed: false } as const];
    }),
  ),
);

const tileOf = ({ tile }: Variant): Tile => [tile.TILE_PIXELS ?? 0, tile.TILE_QUADS ?? 0, tile.SPLIT_K ?? 1];
const isSame = ([pixels, quads, splits = 1]: Tile, other: Tile): boolean =>
  pixels === other[0] && quads === other[1] && splits === (other[2] ?? 1);

describe('the tile that the model chooses', () => {
  it('is the first of its row, or at least 5 % cheaper', () => {
    let kept = 0;
    for (const caps of CAPS) {
      const machine = machineFor(caps, F32);
      for (const shape of SHAPES) {
        const tiles = candidates(shape, caps, F32).map(tileOf);
        const first = machine.tiles[shape.kernel].find((tile) => tiles.some((other) => isSame(tile, other)));
        const [chosen] = tiles;
        if (!first || !chosen) throw new Error('no tile fits');
        const costs = tiles.map((tile) => costOf(shape, machine, tile) / costOf(shape, machine, first));
        const cheapest = Math.min(...costs);
        if (cheapest < 1 && isSame(chosen, first)) kept += 1;
        const expected = isSame(chosen, first) ? cheapest >= MARGIN : cheapest < MARGIN && costs[0] === cheapest;
        expect(expected, `${machine.name}, ${JSON.stringify(shape)}: ${chosen} costs ${costs[0]}, ${costs}`).toBe(true);
      }
    }
    expect(kept, 'shapes whose first tile is kept though another is a little cheaper').toBeGreaterThan(0);
  });
});
