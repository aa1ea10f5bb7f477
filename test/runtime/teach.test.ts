/** Teaching on a GPU: the taught network is one like any other, on the weights and the device of the first. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { randomModel } from '../../src/bench/random-model.js';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { sharedDevice } from './devices.js';
import { failure, picture, SIDE, SMALL, SMALL_MODEL, TO_SMALL } from './models.js';

afterEach(expectNoComplaints);

const CLASSES = ['dark', 'light'];
const OPTIONS = { inputSize: [SIDE, SIDE], preprocess: TO_SMALL } as const;
/** A picture of one shade. */
const shade = (value: number) => ({ data: new Uint8Array(4 * 100).fill(value), width: 10, height: 10 });

/** Pictures of noise in which one channel is brighter. */
const tinted = (channel: number, first: number, count: number) =>
  Array.from({ length: count }, (_, i) => {
    const noise = picture(1000 * channel + first + i + 1, 12, 12);
    return { ...noise, data: noise.data.map((value, at) => (at % 4 === channel ? 128 + value / 2 : value)) };
  });

async function teach(net: DenseNet) {
  const teacher = net.teach(CLASSES);
  await teacher.addExample('dark', [10, 20, 30, 40].map(shade));
  await teacher.addExample('light', [250, 240, 230, 220].map(shade));
  return teacher.train();
}
const logits = async (net: DenseNet) =>
  (await net.classify([shade(15), shade(245)], { topK: 5 })).map((row) => row.map((p) => [p.label, p.probability]));

describe.skipIf(!hasDriver('swiftshader'))('a network that is taught classes', () => {
  let gpu: GPU;
  beforeAll(async () => {
    gpu = await dawnGpu('swiftshader');
  });
  const open = async () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const onWarning = () => {};
    return { counting, net: await DenseNet.load(SMALL_MODEL, { gpu: counting.gpu, onWarning, ...OPTIONS }) };
  };

  it('names unseen pictures of three classes; saved and loaded it gives the same answers', async () => {
    const names = ['red', 'green', 'blue'];
    const device = await sharedDevice('swiftshader');
    const load = (file: Uint8Array, options = {}) => DenseNet.load(file, { device, batch: 8, ...OPTIONS, ...options });
    const net = await load(SMALL_MODEL);
    const teacher = net.teach(names);
    for (const [c, name] of names.entries()) await teacher.addExample(name, tinted(c, 0, 16));
    const shares: number[] = [];
    const { net: taught, accuracy } = await teacher.train({ onProgress: (share) => shares.push(share) });
    let right = 0;
    for (const [c, name] of names.entries()) {
      const answers = await taught.classify(tinted(c, 100, 16), { topK: 1 });
      right += answers.filter(([best]) => best?.label === name).length;
    }
    console.log(`${right} of 48 tinted pictures; ${accuracy} by cross-validation`);
    expect(right / 48).toBeGreaterThanOrEqual(0.95);
    expect(accuracy).toBeGreaterThanOrEqual(0.9);
    expect([shares.at(-1), taught.labels, taught.config.classes]).toEqual([1, names, 3]);
    expect(taught.metadata.provenance).toBe('Last layer taught on 48 examples.');

    const images = [0, 1, 2].flatMap((c) => tinted(c, 200, 3)).slice(1); // 8: no other batch is compiled
    const answers = await taught.classify(images);
    expect(await taught.embed(images)).toEqual(await net.embed(images));
    const whole = await load(await taught.toSafetensors());
    const head = await taught.toSafetensors({ headOnly: true });
    const joined = await load(SMALL_MODEL, { head });
    expect(head.length).toBeLessThan(SMALL_MODEL.length / 4);
    for (const again of [whole, joined]) {
      expect(await again.classify(images)).toEqual(answers);
      expect([again.labels, again.metadata.provenance]).toEqual([names, taught.metadata.provenance]);
    }
    for (const each of [net, taught, whole, joined]) each.dispose();
  });

  it.each([0, 1])(
    'works on when the other is disposed of, and the last frees the weights (order %i)',
    async (first) => {
      const { counting, net } = await open();
      const { net: taught } = await teach(net);
      expect(counting.requests).toHaveLength(1);
      const answers = [await logits(net), await logits(taught)];
      const order = first === 0 ? [net, taught] : [taught, net];
      order[0]?.dispose();
      expect(await failure(order[0]?.classify(shade(1)) ?? Promise.resolve())).toMatch(/^DisposedError: classify/);
      const left = order[1];
      if (left) expect(await logits(left)).toEqual(answers[1 - first]);
      expect(counting.liveBuffers).toBeGreaterThan(0);
      order[1]?.dispose();
      expect([counting.liveBuffers, counting.liveTextures]).toEqual([0, 0]);
    },
  );

  it('shares the weights and the compiled kernels', async () => {
    const { counting, net } = await open();
    await net.classify([shade(1), shade(2)]);
    const teacher = net.teach(CLASSES);
    await teacher.addExample('dark', [shade(1), shade(2)]);
    await teacher.addExample('light', [shade(250), shade(240)]);
    const { pipelines } = counting.counts;
    const bytes = counting.liveBytes;
    const { net: taught } = await teacher.train();
    expect(counting.counts.pipelines).toBe(pipelines);
    const own = counting.liveBytes - bytes;
    const { weightBytes, arenaBytes } = taught.memory;
    expect(weightBytes).toBeGreaterThan(net.memory.weightBytes);
    expect(own).toBeLessThan(arenaBytes + weightBytes - net.memory.weightBytes + 16 * 1024);
    for (const each of [net, taught]) each.dispose();
  });

  it('comes back after the loss of the device, on one new device with the other', async () => {
    const { counting, net } = await open();
    const { net: taught } = await teach(net);
    const answers = [await logits(net), await logits(taught)];
    counting.device?.destroy();
    expect(await Promise.all([logits(net), logits(taught)])).toEqual(answers);
    expect(counting.requests).toHaveLength(2);
    net.dispose();
    counting.device?.destroy();
    expect(await logits(taught)).toEqual(answers[1]);
    taught.dispose();
    expect(counting.liveBuffers).toBe(0);
  });

  it('is taught again, on a device of the caller, which stays', async () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const device = await counting.open();
    const net = await DenseNet.load(SMALL_MODEL, { device, ...OPTIONS, precision: 'f16' });
    const { net: taught } = await teach(net);
    const { net: again } = await teach(taught);
    expect(await logits(again)).toEqual(await logits(taught));
    for (const each of [net, taught, again]) each.dispose();
    expect(counting.liveBuffers).toBe(0);
    expect(counting.device).toBe(device);
    device.destroy();
  });

  it('is an error where it cannot be, by name', async () => {
    const { net } = await open();
    const head = await net.toSafetensors({ headOnly: true });
    const outcomes = [
      DenseNet.load(randomModel(SMALL, 2), { gpu, ...OPTIONS, head }),
      DenseNet.load(head, { gpu }),
      DenseNet.load(SMALL_MODEL, { gpu, head: SMALL_MODEL }),
      net.teach(CLASSES).addExample('grey', shade(1)),
      net.teach(CLASSES).train(),
      teach(net).then(({ net: taught }) => {
        for (const each of [net, taught]) each.dispose();
        return taught.toSafetensors();
      }),
    ];
    expect(await Promise.all(outcomes.map((outcome) => failure(outcome, 60_000)))).toEqual([
      'ModelFormatError: the head was taught on the features of another network: load it with the model it was taught on',
      expect.stringMatching(/^ModelFormatError: this file is a head alone/),
      expect.stringMatching(/^ModelFormatError: the head is no file of toSafetensors/),
      'OptionError: there is no class "grey": it is one of dark, light, or null',
      'OptionError: "dark", "light": add an example of each class',
      expect.stringMatching(/^DisposedError: toSafetensors\(\)/),
    ]);
    const gone = net.teach(CLASSES);
    expect(await failure(gone.addExample('dark', picture(1)))).toMatch(/^DisposedError: addExample/);
  });
});
