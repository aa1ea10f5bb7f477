/** `load` warms up: the first call takes as long as the second. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { dawnGpu, type VulkanDriver } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { presetOf } from '../../src/preprocess/presets.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { firstOverLater } from './first-call.js';
import { picture, SMALL_MODEL } from './models.js';

afterEach(expectNoComplaints);

const DEFAULT_MODEL = fileURLToPath(new URL('../../weights/default.safetensors', import.meta.url));
const LOADS = 7;

describe.each<VulkanDriver>(['swiftshader', 'lavapipe'])('on %s', (driver) => {
  it.skipIf(!hasDriver(driver))('the first classify() compiles nothing', async () => {
    const counting = new CountingGpu(await dawnGpu(driver), { features: [] });
    const net = await DenseNet.load(SMALL_MODEL, { gpu: counting.gpu, preprocess: presetOf('cifar10') });
    const { pipelines, shaderModules } = counting.counts;
    await net.classify(picture(1, 32, 32));
    expect(counting.counts).toMatchObject({ pipelines, shaderModules });
    net.dispose();
  });

  // Retries, since other work on the machine can disturb a run; a real slowdown fails every time.
  it.skipIf(!hasDriver(driver))(
    'the first classify() of a new image size takes as long as the next ones',
    { retry: 2 },
    async () => {
      const model = readFileSync(DEFAULT_MODEL);
      const calls: number[][] = [];
      for (let load = 0; load < LOADS; load++) {
        const net = await DenseNet.load(model, { gpu: await dawnGpu(driver) });
        const times: number[] = [];
        for (let call = 0; call < 4; call++) {
          const start = performance.now();
          await net.classify(picture(1, 200, 150));
          times.push(performance.now() - start);
        }
        calls.push(times);
        net.dispose();
      }
      expect(firstOverLater(calls)).toBeLessThan(1.2);
    },
  );
});
