/** The kernels as the bundles carry them, minified: WGSL that a browser's compiler accepts, in every variant. */
import { describe, expect, it, vi } from 'vitest';
import { minifiedManifest } from '../../build/kernels.mjs';
import { hasDriver, withDevice } from './dawn.js';
import { kernelNames, plannedVariants } from './planned.js';

const { parts, kernels, strips } = minifiedManifest();
vi.resetModules();
vi.doMock('../../src/plan/kernels.generated.js', () => ({ PARTS: parts, KERNELS: kernels }));
const { kernelSource } = await import('../../src/plan/source.js');

describe.skipIf(!hasDriver('lavapipe'))('a minified kernel compiles', () => {
  it.each(kernelNames)('%s', (name) =>
    withDevice(
      'lavapipe',
      async ({ device }) => {
        for (const variant of plannedVariants(name)) {
          for (const storage of ['f32', 'f16'] as const) {
            const precision = { activations: storage, weights: storage };
            const code = kernelSource(name, variant, precision, variant.tile.STRIP ? strips : undefined);
            const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
            expect(messages.map(({ lineNum, message }) => `${lineNum}: ${message}`)).toEqual([]);
          }
        }
      },
      { features: ['subgroups'] },
    ),
  );
});
