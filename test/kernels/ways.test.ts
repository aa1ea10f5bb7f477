/** Weights through workgroup memory, and input quads shared out among slices, against double precision. */
import { describe, it } from 'vitest';
import { conv1x1, conv3x3, type Dispatch, expectRight, type Outcome, transition, type Work } from './convolve.js';
import { hasDriver, withDevice } from './dawn.js';
import { F16, F32 } from './harness.js';
import { DRIVERS, wayCases } from './tiles.js';

/** Fewer input quads than slices; more than are staged at a time, and a last stage or round that is not full. */
const SHAPES: readonly Work[] = [
  { batch: 3, channels: 10, out: 5, height: 5, width: 7 },
  { batch: 2, channels: 70, out: 21, height: 7, width: 6 },
];

type Convolve = (device: GPUDevice, dispatch: Dispatch) => Promise<Outcome>;
const inPlace: Convolve = (device, dispatch) => conv3x3(device, dispatch, true);

const KERNELS: readonly (readonly [name: string, kernel: 'conv1x1' | 'transition' | 'conv3x3', run: Convolve])[] = [
  ['conv1x1', 'conv1x1', conv1x1],
  ['transition', 'transition', transition],
  ['conv3x3', 'conv3x3', (device, dispatch) => conv3x3(device, dispatch)],
  ['conv3x3 in place', 'conv3x3', inPlace],
];

for (const { driver, features } of DRIVERS) {
  const isQuick = driver === 'swiftshader';
  describe.skipIf(!hasDriver(driver))(`on ${driver}`, () => {
    for (const [name, kernel, run] of KERNELS) {
      it.each(wayCases(kernel, !isQuick || run === inPlace))(`${name} $tile $way`, ({ tile, way, workgroup }) =>
        withDevice(
          driver,
          async ({ device }) => {
            for (const [s, work] of SHAPES.entries()) {
              const precision = isQuick ? F32 : F16;
              const dispatch = { work, precision, tile, share: 1, way, workgroup, seed: s + 1 };
              expectRight(await run(device, dispatch), dispatch);
            }
          },
          { features },
        ),
      );
    }
  });
}
