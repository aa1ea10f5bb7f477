/** The kernels as the bundles carry them, minified: WGSL that a browser's compiler accepts, in every variant. */
import { describe, expect, it, vi } from 'vitest';
import { minifiedManifest } from '../../build/kernels.mjs';
import { hasDriver, withDevice } from './dawn.js';
import { kernelNames, plannedVariants } from './planned.js';

const { parts, kernels, software } = minifiedManifest();
vi.resetModules();
vi.doMock('../../src/plan/kernels.generated.js', () => ({ PARTS: parts, KERNELS: kernels }));
vi.doMock('../../src/plan/software.generated.js', () => ({ SOFTWARE: software }));
const { kernelSource } = await import('../../src/kernels/source.js');
const { textOf } = await import('../../src/gpu/software.js');

describe.skipIf(!hasDriver('lavapipe'))('a minified kernel compiles', () => {
  it.each(kernelNames)('%s', (name) =>
    withDevice(
      'lavapipe',
      async ({ device }) => {
        for (const variant of plannedVariants(name)) {
          for (const storage of ['f32', 'f16'] as const) {
            const precision = { activations: storage, weights: storage };
            const { source } = textOf(name, kernels[name].source, variant, precision);
            const code = kernelSource(name, variant, precision, source);
            const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
            expect(messages.map(({ lineNum, message }) => `${lineNum}: ${message}`)).toEqual([]);
          }
        }
      },
      { features: ['subgroups'] },
    ),
  );
});
