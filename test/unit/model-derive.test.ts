/** Derives the architecture from tensor shapes, and names every tensor that does not fit. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ModelShapeError } from '../../src/core/errors.js';
import type { DenseNetConfig } from '../../src/model/config.js';
import { deriveConfig } from '../../src/model/derive.js';
import { FAMILY, familyConfig } from '../../src/model/family.js';
import { layerTable, mapSizes, smallestSide } from '../../src/model/layers.js';
import { expectedTensors, type Shape } from '../../src/model/tensors.js';

function shapesOf(config: DenseNetConfig, biases = false): Map<string, Shape> {
  const all = [...expectedTensors(config)].filter(([, { optional }]) => biases || !optional);
  return new Map(all.map(([name, { shape }]) => [name, shape]));
}

const DICTS = fileURLToPath(new URL('../../../shared/weights/torchvision-structure/', import.meta.url));

/** torchvision's networks: growth rate, layers of each block, channels of the stem. */
const TORCHVISION = {
  densenet121: [32, [6, 12, 24, 16], 64],
  densenet161: [48, [6, 12, 36, 24], 96],
  densenet169: [32, [6, 12, 32, 32], 64],
  densenet201: [32, [6, 12, 48, 32], 64],
} as const;

/** The shapes in a state dict of torchvision, without `num_batches_tracked`. */
function torchvisionShapes(growth: number, blocks: readonly number[], stem: number): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  const norm = (name: string, channels: number) => {
    for (const leaf of ['weight', 'bias', 'running_mean', 'running_var']) shapes.set(`${name}.${leaf}`, [channels]);
  };
  shapes.set('features.conv0.weight', [stem, 3, 7, 7]);
  norm('features.norm0', stem);
  let channels = stem;
  for (const [b, layers] of blocks.entries()) {
    for (let i = 1; i <= layers; i++) {
      const layer = `features.denseblock${b + 1}.denselayer${i}`;
      norm(`${layer}.norm1`, channels);
      shapes.set(`${layer}.conv1.weight`, [4 * growth, channels, 1, 1]);
      norm(`${layer}.norm2`, 4 * growth);
      shapes.set(`${layer}.conv2.weight`, [growth, 4 * growth, 3, 3]);
      channels += growth;
    }
    if (b === blocks.length - 1) break;
    norm(`features.transition${b + 1}.norm`, channels);
    shapes.set(`features.transition${b + 1}.conv.weight`, [channels / 2, channels, 1, 1]);
    channels /= 2;
  }
  norm('features.norm5', channels);
  shapes.set('classifier.weight', [1000, channels]);
  shapes.set('classifier.bias', [1000]);
  return shapes;
}

const anyConfig: fc.Arbitrary<DenseNetConfig> = fc
  .record({
    stem: fc.constantFrom('imagenet' as const, 'cifar' as const),
    stemNorm: fc.boolean(),
    inChannels: fc.integer({ min: 1, max: 9 }),
    initFeatures: fc.integer({ min: 1, max: 40 }),
    growthRate: fc.integer({ min: 1, max: 48 }),
    blocks: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 }),
    bottleneck: fc.constantFrom(null, 1, 2, 4, 5),
    widths: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 6, maxLength: 6 }),
    classes: fc.integer({ min: 1, max: 30 }),
    bnEpsilon: fc.constantFrom(1e-5, 1.001e-5),
  })
  .map(({ widths, ...config }) => ({
    ...config,
    stemNorm: config.stem === 'imagenet' || config.stemNorm,
    transitions: widths.slice(0, config.blocks.length - 1),
  }));

describe('deriveConfig', () => {
  it('derives any architecture from its shapes, with or without biases', () => {
    fc.assert(
      fc.property(anyConfig, fc.boolean(), (config, biases) => {
        expect(deriveConfig(shapesOf(config, biases), { bnEpsilon: config.bnEpsilon })).toEqual(config);
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('derives every network of the family', () => {
    for (const name of Object.keys(FAMILY)) {
      const config = familyConfig(name);
      expect(deriveConfig(shapesOf(config)), name).toEqual(config);
    }
  });

  it('names all missing, extra and mis-shaped tensors at once, in the file’s words', () => {
    const shapes = shapesOf(familyConfig('densenet-bc-100-12'));
    shapes.delete('features.norm5.bias');
    shapes.delete('features.denseblock2.denselayer3.norm1.running_mean');
    shapes.set('features.norm6.bias', [342]);
    shapes.set('features.transition1.conv.weight', [108, 215, 1, 1]);
    const sources = new Map([['features.transition1.conv.weight', 'trans1.conv1.weight']]);
    const error = catchShapeError(() => deriveConfig(shapes, { scheme: 'densenet3', sources }));
    expect(error.problems).toEqual({
      missing: ['features.denseblock2.denselayer3.norm1.running_mean', 'features.norm5.bias'],
      extra: ['features.norm6.bias'],
      misshaped: [{ name: 'features.transition1.conv.weight', expected: '[108,216,1,1]', found: '[108,215,1,1]' }],
    });
    expect(error.message).toBe(
      'the tensors do not make a DenseNet (its names read best as "densenet3"): ' +
        '2 missing: features.denseblock2.denselayer3.norm1.running_mean, ' +
        'features.norm5.bias; ' +
        '1 left over: features.norm6.bias; ' +
        '1 mis-shaped: trans1.conv1.weight is [108,215,1,1], expected [108,216,1,1]',
    );
  });

  it('names the tensor when the stem, the head or a transition is of another kind', () => {
    const of = (name: string, shape: Shape) => shapesOf(familyConfig('densenet121')).set(name, shape);
    const message = (shapes: Map<string, Shape>) => catchShapeError(() => deriveConfig(shapes)).message;
    expect(message(of('features.conv0.weight', [64, 3, 5, 5]))).toMatch(/conv0.weight is \[64,3,5,5\], expected/);
    expect(message(of('classifier.weight', [1000, 50176]))).toMatch(
      /classifier.weight is \[1000,50176\], expected \[1000,1024\]/,
    );
    expect(message(of('features.transition2.conv.weight', [256, 512, 2, 2]))).toMatch(
      /transition2.conv.weight is \[256,512,2,2\]/,
    );
  });

  it('rejects absurd block and layer numbers quickly', () => {
    const began = process.cpuUsage();
    for (const name of [
      'features.denseblock999999.denselayer1.conv1.weight',
      'features.denseblock1.denselayer999999.norm1.bias',
      'features.denseblock0.denselayer1.norm1.bias',
    ])
      expect(catchShapeError(() => deriveConfig(new Map([[name, [1]]]))).problems.extra).toEqual([name]);
    const { user, system } = process.cpuUsage(began);
    expect(user + system, 'microseconds of CPU time').toBeLessThan(100_000);
  });

  it.each(Object.entries(TORCHVISION))('reads the state dict of torchvision’s %s', (name, [growth, blocks, stem]) => {
    const shapes = torchvisionShapes(growth, blocks, stem);
    expect(deriveConfig(shapes)).toEqual(familyConfig(name));
    const trained = [...shapes].filter(([key]) => !key.includes('running'));
    const parameters = trained.reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(layerTable(familyConfig(name), [224, 224]).parameters).toBe(parameters);
  });

  it.skipIf(!existsSync(DICTS)).each(Object.entries(TORCHVISION))(
    'the state dict of %s written here is torchvision’s own (../shared/weights)',
    (name, [growth, blocks, stem]) => {
      const found: unknown = JSON.parse(readFileSync(`${DICTS}${name}_state_dict_shapes.json`, 'utf8'));
      const stored = Object.entries(Object(found)).filter(([key]) => !key.endsWith('num_batches_tracked'));
      expect(Object.fromEntries(torchvisionShapes(growth, blocks, stem))).toEqual(Object.fromEntries(stored));
    },
  );
});

describe('layerTable', () => {
  it('counts torchvision’s parameters', () => {
    const published = { densenet121: 7978856, densenet161: 28681000, densenet169: 14149480, densenet201: 20013928 };
    for (const [name, parameters] of Object.entries(published))
      expect(layerTable(familyConfig(name), [224, 224]).parameters, name).toBe(parameters);
  });

  it('counts the parameters of the paper’s Table 2 (in millions)', () => {
    const table = {
      'densenet-40-12': 1.0,
      'densenet-100-12': 7.0,
      'densenet-100-24': 27.2,
      'densenet-bc-100-12': 0.8,
      'densenet-bc-250-24': 15.3,
      'densenet-bc-190-40': 25.6,
    };
    for (const [name, millions] of Object.entries(table))
      expect(layerTable(familyConfig(name), [32, 32]).parameters / 1e6, name).toBeCloseTo(
        millions,
        millions > 5 ? 0 : 1,
      );
  });

  it('counts the parameters of the wide BC nets (in millions; README of the paper’s code)', () => {
    const table = { 'densenet-bc-40-36': 1.5, 'densenet-bc-40-48': 2.7, 'densenet-bc-40-60': 4.3 };
    for (const [name, millions] of Object.entries(table))
      expect(Math.abs(layerTable(familyConfig(name), [32, 32]).parameters / 1e6 - millions), name).toBeLessThan(0.1);
  });

  it('counts DenseNet-264’s parameters: 33,337,704, as other code bases do', () => {
    expect(layerTable(familyConfig('densenet264'), [224, 224]).parameters).toBe(33337704);
  });

  it('counts torchvision’s work (in G multiply-accumulates; the `_ops` of its weights)', () => {
    const published = { densenet121: 2.834, densenet161: 7.728, densenet169: 3.36, densenet201: 4.291 };
    for (const [name, giga] of Object.entries(published))
      expect(layerTable(familyConfig(name), [224, 224]).macs / 1e9, name).toBeCloseTo(giga, 2);
  });

  it('counts DenseNet-121’s work: 2.83 G multiply-accumulates at 224×224 (torchvision says 2.83 GFLOPS)', () => {
    const { rows, macs } = layerTable(familyConfig('densenet121'), [224, 224]);
    expect(macs / 1e9).toBeCloseTo(2.83, 2);
    expect(rows).toHaveLength(121);
    expect(rows[0]).toEqual({
      name: 'stem',
      kind: 'stem',
      in: 3,
      out: 64,
      height: 112,
      width: 112,
      parameters: 9536,
      macs: 118013952,
    });
    expect(rows.find(({ kind }) => kind === 'transition')).toMatchObject({ in: 256, out: 128, height: 56, width: 56 });
  });

  it('counts as many parameters as the tensors hold', () => {
    fc.assert(
      fc.property(anyConfig, (config) => {
        const held = [...expectedTensors(config)]
          .filter(([name, { optional }]) => !name.includes('running') && (!optional || name === 'classifier.bias'))
          .reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
        expect(layerTable(config, [256, 256]).parameters).toBe(held);
      }),
      { numRuns: 100, seed: 5 },
    );
  });

  it('computes map sizes as the frameworks do, odd sides included, and the smallest input', () => {
    const config = familyConfig('densenet121');
    expect(mapSizes(config, [75, 53])).toEqual({
      stem: [38, 27],
      blocks: [
        [19, 14],
        [9, 7],
        [4, 3],
        [2, 1],
      ],
    });
    expect(smallestSide(config)).toBe(29);
    expect(mapSizes(config, [29, 29]).blocks.at(-1)).toEqual([1, 1]);
    expect(() => mapSizes(config, [224, 28])).toThrow(
      'an input of 224×28 is too small for this network: at least 29×29 is needed',
    );
    expect(() => mapSizes(config, [Number.NaN, 224])).toThrow(/too small/);
  });
});

function catchShapeError(action: () => unknown): ModelShapeError {
  try {
    action();
  } catch (error) {
    if (error instanceof ModelShapeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
