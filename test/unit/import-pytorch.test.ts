/** PyTorch checkpoints of every naming scheme → the logits that their framework computed. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { readModel, writeModel } from '../../src/weights/model-file.js';
import { forward } from '../reference/cpu-densenet.js';
import {
  FIXTURES,
  fixtureNames,
  readBytes,
  readReference,
  readReferenceFor,
  relativeError,
  SAID,
} from '../reference/fixtures.js';

/** One row per fixture: what `make_pytorch.py` built. */
interface Expected {
  scheme: string;
  blocks: number[];
  growthRate: number;
  bottleneck: number | null;
}

const EXPECTED: Record<string, Expected> = {
  torchvision: { scheme: 'torchvision', blocks: [2, 2, 2, 2], growthRate: 8, bottleneck: 4 },
  'torchvision-download': { scheme: 'torchvision-download', blocks: [2, 2, 2, 2], growthRate: 4, bottleneck: 4 },
  'torchvision-grey': { scheme: 'torchvision', blocks: [1, 3, 2], growthRate: 6, bottleneck: 3 },
  'torchvision-module': { scheme: 'torchvision', blocks: [1, 2, 1], growthRate: 4, bottleneck: 4 },
  'torchvision-mixed': { scheme: 'torchvision', blocks: [1, 1], growthRate: 4, bottleneck: 4 },
  timm: { scheme: 'torchvision', blocks: [2, 2, 2, 2], growthRate: 4, bottleneck: 4 },
  monai: { scheme: 'monai', blocks: [2, 1, 2, 1], growthRate: 4, bottleneck: 4 },
  torchxrayvision: { scheme: 'torchvision', blocks: [2, 2, 1, 1], growthRate: 4, bottleneck: 4 },
  'densenet3-bc': { scheme: 'densenet3', blocks: [2, 1, 2], growthRate: 12, bottleneck: 4 },
  'densenet3-plain': { scheme: 'densenet3', blocks: [2, 3, 2], growthRate: 12, bottleneck: null },
  'densenet3-bias': { scheme: 'densenet3', blocks: [1, 2, 1], growthRate: 6, bottleneck: 4 },
  'efficient-densenet': { scheme: 'torchvision', blocks: [2, 2, 2], growthRate: 8, bottleneck: 4 },
  'densenet3-new-first': { scheme: 'densenet3', blocks: [2, 3, 2], growthRate: 4, bottleneck: 4 },
  'efficient-densenet-norm0': { scheme: 'torchvision', blocks: [2, 1, 2], growthRate: 4, bottleneck: 4 },
};

describe('a PyTorch checkpoint gives what PyTorch computes', () => {
  it('has a row here for every fixture', () => {
    expect(fixtureNames('.pth').sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  for (const [name, expected] of Object.entries(EXPECTED)) {
    it(`${name}: imports, is written, read back and computes every tap`, async () => {
      const { tensors, metadata, source } = await importCheckpoint(
        readBytes(`${FIXTURES}${name}.pth`),
        `${name}.pth`,
        SAID[name],
      );
      expect(source).toMatchObject({ format: 'pytorch', scheme: expected.scheme });
      const { folded, metadata: kept } = readModel(writeModel(tensors, metadata));
      expect(kept).toEqual(metadata);
      expect(folded.config).toMatchObject({
        blocks: expected.blocks,
        growthRate: expected.growthRate,
        bottleneck: expected.bottleneck,
      });
      const reference = readReferenceFor(name, { config: folded.config, metadata });
      const { shape: [n = 0, c = 0, h = 0, w = 0] = [], values: input } = reference.get('input') ?? { values: [] };
      const taps = forward(folded, input, [n, c, h, w]);
      expect([...taps.keys(), 'input'].sort()).toEqual([...reference.keys()].sort());
      const errors = [...taps].map(([tap, { values, shape }]) => {
        expect(shape, tap).toEqual(reference.get(tap)?.shape);
        return { tap, error: relativeError(values, reference.get(tap)?.values ?? []) };
      });
      const worst = errors.reduce((a, b) => (a.error >= b.error ? a : b));
      expect(worst.error, `worst tap ${JSON.stringify(worst)}`).toBeLessThan(1e-5);
    });
  }

  it('a net that concatenates new features first gives other logits when that is not said', async () => {
    const name = 'densenet3-new-first';
    const { tensors, metadata } = await importCheckpoint(readBytes(`${FIXTURES}${name}.pth`), name);
    const reference = readReference(name);
    const { folded } = readModel(writeModel(tensors, metadata));
    const taps = forward(folded, reference.get('input')?.values ?? [], [1, 3, 16, 16]);
    expect(relativeError(taps.get('logits')?.values ?? [], reference.get('logits')?.values ?? [])).toBeGreaterThan(
      0.01,
    );
  });

  it('a model file made from one is not permuted again', async () => {
    const name = 'densenet3-new-first';
    const once = await importCheckpoint(readBytes(`${FIXTURES}${name}.pth`), name, SAID[name]);
    expect(once.metadata.concat).toBe('new-first');
    const file = writeModel(once.tensors, once.metadata);
    for (const options of [{}, SAID[name]]) {
      const twice = await importCheckpoint(file, name, options);
      expect(writeModel(twice.tensors, twice.metadata)).toEqual(file);
    }
  });

  it('takes the network under a key: a dict’s, or what its names begin with', async () => {
    const read = (key?: string) =>
      importCheckpoint(readBytes(`${FIXTURES}torchvision-download.pth`), 'x.pth', key === undefined ? {} : { key });
    const { tensors } = await read();
    for (const key of ['state_dict', 'module']) expect((await read(key)).tensors, key).toEqual(tensors);
    await expect(read('ema')).rejects.toThrow(
      'the PyTorch file holds no named tensors under "ema": its keys are epoch, arch, state_dict, best_prec1, optimizer',
    );
  });

  it('reads torchxrayvision’s operating points: multi-label, with a threshold for each class', async () => {
    const { metadata, config } = await importCheckpoint(readBytes(`${FIXTURES}torchxrayvision.pth`), 'x.pth');
    const thresholds = Array(config.classes).fill(0.5);
    expect(metadata).toMatchObject({ activation: 'sigmoid', activationOrigin: 'file', thresholds });
  });

  it('halves the file with f16 storage and keeps the logits within 1e-2', async () => {
    const { tensors, metadata } = await importCheckpoint(readBytes(`${FIXTURES}torchvision.pth`), 'torchvision.pth');
    const whole = writeModel(tensors, metadata);
    const half = writeModel(tensors, metadata, 'f16');
    expect(half.length).toBeLessThan(0.72 * whole.length); // this little net is one quarter norms and header
    const reference = readReference('torchvision');
    const taps = forward(readModel(half).folded, reference.get('input')?.values ?? [], [1, 3, 48, 80]);
    const error = relativeError(taps.get('logits')?.values ?? [], reference.get('logits')?.values ?? []);
    expect(error).toBeLessThan(1e-2);
    expect(error).toBeGreaterThan(1e-6);
  });
});

const SHARED = fileURLToPath(new URL('../../../shared/weights/', import.meta.url));

describe.skipIf(!existsSync(SHARED))(
  'published checkpoints (../shared/weights; skipped where that folder is absent)',
  () => {
    for (const [data, classes] of [
      ['cifar10', 10],
      ['cifar100', 100],
    ] as const) {
      it(`DICE DenseNet-BC-100-12 for ${data}`, async () => {
        const path = `${SHARED}dice-densenet-bc-100-12-${data}/checkpoint_100.pth.tar`;
        const { config, source } = await importCheckpoint(readBytes(path), 'checkpoint_100.pth.tar');
        expect(source.scheme).toBe('densenet3');
        expect(config).toMatchObject({ blocks: [16, 16, 16], growthRate: 12, transitions: [108, 150], classes });
      });
    }
  },
);
