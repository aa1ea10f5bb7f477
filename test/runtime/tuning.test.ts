/** `load({ tune })` on a GPU: the same results, stored choices, and nothing left behind. */
import { describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { SIDE, SMALL_MODEL, smallInput } from './models.js';

function memory() {
  const items = new Map<string, string>();
  return {
    items,
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (k: string, v: string) => items.set(k, v),
  };
}

describe.skipIf(!hasDriver('lavapipe'))('a tuned network on lavapipe', () => {
  const load = async (options: object = {}) =>
    DenseNet.load(SMALL_MODEL, { gpu: await dawnGpu('lavapipe'), inputSize: [SIDE, SIDE], ...options });
  const logitsOf = async (net: DenseNet) => (await net.run(smallInput(3))).logits;

  it('gives the results of the untuned one, and a second load measures nothing', async () => {
    const plain = await load();
    const expected = await logitsOf(plain);
    const { totalBytes } = plain.memory;
    plain.dispose();
    const store = memory();
    const phases: string[] = [];
    const onProgress = ({ phase }: { readonly phase: string }) => phases.push(phase);
    const first = await load({ tune: { budget: 20_000, store }, onProgress });
    expect(phases).toContain('tune');
    expect(Object.keys(first.tuning?.choices ?? {}).length).toBeGreaterThan(3);
    expect(first.tuning?.milliseconds?.[1]).toBeLessThanOrEqual(first.tuning?.milliseconds?.[0] ?? 0);
    expect(await logitsOf(first)).toEqual(expect.objectContaining({ length: expected.length }));
    for (const [i, logit] of (await logitsOf(first)).entries()) expect(logit).toBeCloseTo(expected[i] ?? 0, 4);
    expect(first.memory.totalBytes, 'trials leave nothing on the GPU').toBe(totalBytes);
    first.dispose();

    const again = await load({ tune: { store } });
    expect(again.tuning).toEqual({ choices: first.tuning?.choices, milliseconds: null });
    again.dispose();
  });

  it('uses the choices of `tuned` that fit, and ignores others', async () => {
    const plain = await load();
    const { shape, kernel, variant } = plain.plan.steps.find((step) => step.kernel === 'conv1x1') ?? {};
    plain.dispose();
    if (!shape || !kernel || !variant) throw new Error('the network has no bottleneck');
    const { candidates, variantKey } = await import('../../src/kernels/variants.js');
    const { shapeKey } = await import('../../src/kernels/shape.js');
    const other = candidates(shape, plain.plan.options.caps, { activations: 'f32', weights: 'f32' }).at(-1);
    if (!other) throw new Error('there is no other tile');
    const tuned = await load({ tuned: { [shapeKey(shape)]: variantKey(kernel, other), nonsense: 'conv9x9|||' } });
    expect(tuned.plan.steps.find((step) => step.kernel === 'conv1x1')?.variant).toEqual(other);
    tuned.dispose();
    const ignored = await load({ tuned: { [shapeKey(shape)]: 'conv1x1|TILE_PIXELS=99||' } });
    expect(ignored.plan.steps.find((step) => step.kernel === 'conv1x1')?.variant).toEqual(variant);
    ignored.dispose();
  });

  it('is aborted like any load', async () => {
    const controller = new AbortController();
    const onProgress = ({ phase }: { readonly phase: string }) => phase === 'tune' && controller.abort();
    const loading = load({ tune: { budget: 20_000, store: memory() }, signal: controller.signal, onProgress });
    await expect(loading).rejects.toMatchObject({ name: 'AbortedError' });
  });
});
