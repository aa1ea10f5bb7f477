/** Whole networks on a real WebGPU against the frameworks' numbers, at every tap. */
import { afterEach, describe, expect, it } from 'vitest';
import { TOLERANCE } from '../../src/cli/verify.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { fixtureNames, readReferenceFor, relativeError } from '../reference/fixtures.js';
import { expectNoComplaints } from './counting.js';
import { sharedDevice } from './devices.js';
import { inputOf, modelOf } from './models.js';

afterEach(expectNoComplaints);

/** `images` is for preprocessing. */
const NETS = fixtureNames('.reference.safetensors').filter((name) => name !== 'images');
/** ImageNet's and CIFAR's stem, with and without bottlenecks. */
const KINDS = ['torchvision', 'densenet3-bc', 'densenet3-plain'];

/**
 * Every net with the tiles of software without subgroups; one of each kind with those of a GPU, which take software long
 * to compile, with those that share weights in a subgroup, in f16 storage, and with halved weights.
 */
const CASES = [
  { driver: 'swiftshader', precision: 'f32', weights: 'f32', features: [], isFallback: false, nets: KINDS },
  { driver: 'swiftshader', precision: 'f32', weights: 'f32', features: [], nets: NETS },
  { driver: 'swiftshader', precision: 'f32', weights: 'f32', features: ['subgroups'], nets: KINDS },
  { driver: 'swiftshader', precision: 'f32', weights: 'f32', features: ['subgroups'], isFallback: false, nets: KINDS },
  { driver: 'lavapipe', precision: 'f32', weights: 'f32', features: ['subgroups'], nets: KINDS.slice(0, 1) },
  { driver: 'lavapipe', precision: 'f16', weights: 'f16', features: ['subgroups'], nets: KINDS },
  { driver: 'swiftshader', precision: 'f16', weights: 'f32', features: [], nets: KINDS },
  { driver: 'swiftshader', precision: 'f32', weights: 'f16', features: [], nets: KINDS },
] as const;

describe.each(CASES)(
  '$precision maps, $weights weights on $driver with [$features]',
  ({ driver, precision, weights, features, nets, ...adapter }) => {
    it.skipIf(!hasDriver(driver)).each([...nets])('%s equals its framework at every tap', async (name) => {
      const device = await sharedDevice(driver, { features, ...adapter });
      const net = await DenseNet.load(await modelOf(name), { device, precision, weights });
      expect(net.precision).toEqual({ activations: precision, weights });
      const reference = readReferenceFor(name, net);
      const taps = await net.taps(inputOf(name));
      const { logits } = await net.run(inputOf(name));
      net.dispose();
      expect([...taps.keys()].sort()).toEqual([...reference.keys()].filter((tap) => tap !== 'input').sort());
      const tolerance = TOLERANCE[weights === 'f16' ? 'f16' : precision];
      expect(relativeError(logits, reference.get('logits')?.values ?? []), 'of the logits alone').toBeLessThan(
        tolerance,
      );
      for (const [tap, { data, shape }] of taps) {
        const expected = reference.get(tap);
        expect(shape, tap).toEqual(expected?.shape);
        expect(relativeError(data, expected?.values ?? []), `largest relative error at ${tap}`).toBeLessThan(tolerance);
      }
    });
  },
);
