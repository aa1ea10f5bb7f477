/** A network that is disposed of at any moment of a call leaves nothing on the caller's device. */
import { afterEach, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { failure, picture, SIDE, SMALL_MODEL, smallInput, TO_SMALL } from './models.js';

afterEach(expectNoComplaints);

const CALLS: readonly (readonly [name: string, call: (net: DenseNet) => Promise<unknown>])[] = [
  // A new image size, a new batch: everything is made during the call.
  ['classify', (net) => net.classify([picture(1), picture(2, 30, 20)])],
  ['explain', (net) => net.explain(picture(3, 25, 25))],
  ['run', (net) => net.run(smallInput(1, 3))],
  ['taps', (net) => net.taps(smallInput(1))],
];

describe.skipIf(!hasDriver('swiftshader'))('dispose() during a call', () => {
  it.each(CALLS)('%s: whenever the GPU answers', async (_, call) => {
    const counting = new CountingGpu(await dawnGpu('swiftshader'), { features: [] });
    const device = await counting.open();
    const load = () => DenseNet.load(SMALL_MODEL, { device, inputSize: [SIDE, SIDE], preprocess: TO_SMALL });

    /** Disposes of a network at the n-th answer of the GPU during a call; returns how many answers there were. */
    const disposeAt = async (n: number): Promise<number> => {
      const net = await load();
      let answers = 0;
      counting.onAnswer = () => {
        if (answers++ === n) net.dispose();
      };
      const outcome = await failure(call(net));
      counting.onAnswer = () => {};
      if (answers > n)
        expect(outcome).toMatch(/^DisposedError: \w+\(\) was called on a network that has been disposed/);
      net.dispose();
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect([counting.liveBuffers, counting.liveTextures], `disposed of at answer ${n}`).toEqual([0, 0]);
      expect(net.memory).toEqual({ weightBytes: 0, arenaBytes: 0, otherBytes: 0, totalBytes: 0 });
      return answers;
    };

    const answers = await disposeAt(Number.POSITIVE_INFINITY);
    expect(answers).toBeGreaterThan(2);
    for (let n = 0; n < answers; n++) await disposeAt(n);
    device.destroy();
  });
});
