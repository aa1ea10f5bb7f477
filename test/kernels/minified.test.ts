/** The kernels as the bundles carry them, minified: WGSL that a browser's compiler accepts, in every variant. */
import { describe, expect, it, vi } from 'vitest';
import { minifiedManifest } from '../../build/kernels.mjs';
import type { KernelName } from '../../src/plan/variants.js';
import { hasDriver, withDevice } from './dawn.js';

const { parts, kernels } = minifiedManifest();
vi.doMock('../../src/plan/kernels.generated.js', () => ({ PARTS: parts, KERNELS: kernels }));
const { kernelSource } = await import('../../src/plan/source.js');

const names = Object.keys(kernels).filter((name): name is KernelName => name in kernels);

describe.skipIf(!hasDriver('lavapipe'))('a minified kernel compiles', () => {
  it.each(names)('%s', (name) =>
    withDevice(
      'lavapipe',
      async ({ device }) => {
        const tiles = kernels[name].source.includes('SUBGROUP')
          ? [1, 4].map((SUBGROUP) => ({ TILE_QUADS: 1, SUBGROUP }))
          : [{}];
        for (const tile of tiles) {
          for (const storage of ['f32', 'f16'] as const) {
            const precision = { activations: storage, weights: storage };
            const code = kernelSource(name, { tile, overrides: {} }, precision);
            const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
            expect(messages.map(({ lineNum, message }) => `${lineNum}: ${message}`)).toEqual([]);
          }
        }
      },
      { features: ['subgroups', 'shader-f16'] },
    ),
  );
});
