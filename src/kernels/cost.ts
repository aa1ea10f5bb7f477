/**
 * What a tile costs a shape on a machine, by a model of issue slots and of lanes in flight.
 *
 * Knows how the kernels compute; not which tiles there are, nor which adapter has which.
 */
import type { Machine, Tile } from './machines.js';
import type { ConvShape } from './shape.js';

/** A norm and a ReLU of a quad. */
const NORM = 8;
/** A multiply-add of a quad with a matrix. */
const PRODUCT = 16;
/** Per invocation: addresses ahead of the loops, then addition of the bias and the store of each sum. */
const INVOCATION = 40;
const STORE = 20;
/** Of each sum by way of workgroup memory. */
const SPLIT_STORE = 12;

/** Issue slots of the whole dispatch, and more where it leaves lanes idle. Only their order means something. */
export function costOf(shape: ConvShape, machine: Machine, tile: Tile): number {
  const [pixels, quads, splits = 1] = tile;
  const groups = Math.ceil(tilesOf(shape, pixels) / machine.workgroup) * Math.ceil(shape.outQuads / quads);
  const lanes = groups * machine.workgroup * splits;
  const sums = pixels * quads;
  const ends = INVOCATION + STORE * (sums / splits) + (splits > 1 ? SPLIT_STORE * sums : 0);
  const slots = ends + Math.ceil(shape.inQuads / splits) * slotsOfQuad(shape, machine, tile);
  return lanes * slots * Math.max(1, machine.parallel / lanes);
}

/** Invocations of one output tile and split. */
export function tilesOf({ kernel, batch, width, height }: ConvShape, pixels: number): number {
  const isFlat = kernel === 'conv1x1' || kernel === 'transition';
  return isFlat ? Math.ceil((batch * width * height) / pixels) : batch * height * Math.ceil(width / pixels);
}

/** Issue slots that a lane spends on one input quad. */
function slotsOfQuad(shape: ConvShape, { quad, matrix, turn }: Machine, [pixels, quads]: Tile): number {
  switch (shape.kernel) {
    case 'conv1x1':
      return turn + pixels * (quad + NORM) + quads * (matrix + PRODUCT * pixels);
    case 'transition':
      return turn + pixels * (4 * (quad + NORM) + 12) + quads * (matrix + PRODUCT * pixels);
    case 'conv3x3': {
      const input = (pixels + 2) * (quad + (shape.normed ? 2 * NORM : 0));
      return 3 * (turn + input + 3 * quads * (matrix + PRODUCT * pixels));
    }
    case 'stem': {
      const { size, stride, channels } = shape;
      const columns = pixels * stride + size - stride;
      return size * (turn + columns * quad + size * quads * (channels / 4) * (matrix + PRODUCT * pixels));
    }
  }
}
