/** A checkpoint that is no DenseNet, or not quite: one message says all that is wrong, in the file's own words. */
import { describe, expect, it } from 'vitest';
import { isDenseNetError, ModelShapeError } from '../../src/core/errors.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { nearestName } from '../../src/import/nearest-name.js';
import { SCHEME_SOURCES } from '../../src/import/source-names.js';
import type { DenseNetConfig } from '../../src/model/config.js';
import { expectedTensors, type Shape } from '../../src/model/tensors.js';
import { writeSafetensors } from '../../src/tensor/safetensors.js';
import { elementCount, floatTensor } from '../../src/tensor/tensor.js';
import { SCHEMES } from '../../src/weights/schemes.js';

const IMAGENET: DenseNetConfig = {
  ...{ stem: 'imagenet', stemNorm: true, inChannels: 3, initFeatures: 8, growthRate: 4, blocks: [2, 3, 2] },
  ...{ bottleneck: 4, transitions: [8, 10], classes: 5, bnEpsilon: 1e-5 },
};
const CIFAR: DenseNetConfig = { ...IMAGENET, stem: 'cifar', stemNorm: false };

type Shapes = Map<string, Shape>;

function shapesOf(config: DenseNetConfig, rename = (name: string) => name): Shapes {
  const all = [...expectedTensors(config)].filter(([name, { optional }]) => !optional || name === 'classifier.bias');
  return new Map(all.map(([name, { shape }]) => [rename(name), shape]));
}

/** As DenseNet3 and its descendants name their parts, in a DataParallel. */
const densenet3 = (name: string) =>
  `module.${name
    .replace('features.conv0', 'conv1')
    .replace(
      /features\.denseblock(\d)\.denselayer(\d)\.(norm|conv)(\d)/,
      (_, b, i, part, n) => `block${b}.layer.${Number(i) - 1}.${part === 'norm' ? 'bn' : 'conv'}${n}`,
    )
    .replace(/features\.transition(\d)\.(norm|conv)/, (_, b, part) => `trans${b}.${part === 'norm' ? 'bn' : 'conv'}1`)
    .replace('features.norm5', 'bn1')
    .replace('classifier', 'fc')}`;

function fileOf(shapes: Shapes): Uint8Array {
  return writeSafetensors(
    [...shapes].map(([name, shape]) => floatTensor(name, shape, new Float32Array(elementCount(shape)))),
  );
}

async function failure(shapes: Shapes): Promise<ModelShapeError> {
  const bytes = fileOf(shapes);
  const began = process.cpuUsage();
  try {
    await importCheckpoint(bytes, 'net.safetensors');
  } catch (error) {
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1000, 'milliseconds of a processor').toBeLessThan(1000);
    if (error instanceof ModelShapeError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

function without(shapes: Shapes, ...names: string[]): Shapes {
  for (const name of names) expect(shapes.delete(name), name).toBe(true);
  return shapes;
}

describe('what does not fit', () => {
  it('is listed at once: missing, left over, mis-shaped, by the names that the file uses, with the nearest', async () => {
    const shapes = without(
      shapesOf(CIFAR, densenet3),
      ...['module.bn1.bias', 'module.block2.layer.2.bn1.running_mean', 'module.block2.layer.2.bn1.running_var'],
    );
    shapes
      .set('module.bn.bias', [18])
      .set('module.attention.weight', [4, 4])
      .set('module.trans1.conv1.weight', [8, 9, 1, 1]);
    const { message, problems } = await failure(shapes);
    expect(message).toBe(
      'the tensors do not make a DenseNet (its names read best as "densenet3": DenseNet3: andreasveit, ODIN, DICE): ' +
        '3 missing: module.block2.layer.2.bn1.{running_mean, running_var}, ' +
        'module.bn1.bias (nearest in the file: module.bn.bias); ' +
        '2 left over: module.bn.bias, module.attention.weight; ' +
        '1 mis-shaped: module.trans1.conv1.weight is [8,9,1,1], expected [8,16,1,1]',
    );
    expect(problems.missing).toHaveLength(3);
  });

  it('is listed with names that have no dot, too', async () => {
    const shapes = shapesOf(CIFAR).set('grid', [1, 2]).set('best', [1]).set('extra.a', [1, 2]).set('extra.b', [1]);
    expect((await failure(shapes)).message).toMatch(/: 4 left over: grid, best, extra\.\{a, b\}$/);
  });

  it('is ignored where it holds no layers and belongs to nothing: counters, the weights of a loss', async () => {
    const shapes = shapesOf(CIFAR).set('epoch', [1]).set('criterion.pos_weight', [5]);
    const { notes } = await importCheckpoint(fileOf(shapes), 'ignored');
    expect(notes[0]).toBe('Not part of the network, ignored: epoch, criterion.pos_weight.');
  });

  it('is counted whole, and listed by its first twenty modules', async () => {
    const shapes = shapesOf(IMAGENET);
    const lost = [...shapes.keys()].filter((name) => /denselayer[12]\..*(weight|bias)$/.test(name));
    const { message } = await failure(without(shapes, ...lost));
    const modules = [...new Set(lost.map((name) => name.slice(0, name.lastIndexOf('.'))))];
    expect(modules.length).toBeGreaterThan(20);
    for (const [i, module] of modules.entries()) expect(message.includes(module), module).toBe(i < 20);
    expect(message).toMatch(new RegExp(`${lost.length} missing: .*, and more$`));
  });

  it('is one tensor where one tensor is odd, whichever it is', async () => {
    for (const name of shapesOf(CIFAR).keys()) {
      // Another number of inputs or classes is another network, and nothing is wrong with it.
      if (/^features\.conv0|^classifier/.test(name)) continue;
      const shapes = shapesOf(CIFAR);
      shapes.set(
        name,
        (shapes.get(name) ?? []).map((side) => side + 1),
      );
      const { problems } = await failure(shapes);
      expect(problems.misshaped.map((each) => each.name)).toEqual([name]);
      expect([...problems.missing, ...problems.extra]).toEqual([]);
    }
  });

  it('is a tensor with a side of zero, too', async () => {
    expect((await failure(shapesOf({ ...IMAGENET, inChannels: 0 }))).message).toMatch(
      /features\.conv0\.weight is \[8,0,7,7\], expected \[8,above 0,7,7\]/,
    );
    const withoutClasses = shapesOf(IMAGENET).set('classifier.weight', [0, 18]);
    expect((await failure(withoutClasses)).message).toMatch(/classifier\.weight is \[0,18\], expected \[1000,18\]/);
  });
});

describe('a net that only resembles a DenseNet is refused by the tensor that does not fit', () => {
  const cases: [what: string, change: (shapes: Shapes) => void, message: RegExp][] = [
    [
      'a head that flattens the map',
      (shapes) => shapes.set('classifier.weight', [5, 18 * 49]),
      /classifier\.weight is \[5,882\], expected \[5,18\]\. The head takes a multiple .* flattens the map/,
    ],
    [
      'a transition of several scales',
      (shapes) => shapes.set('features.transition1.conv.weight', [8, 16, 3, 3]),
      /transition1\.conv\.weight is \[8,16,3,3\], expected \[8,16,1,1\]\. A transition convolves with more than 1×1/,
    ],
    [
      'a second convolution in a transition',
      (shapes) => shapes.set('features.transition1.conv2.weight', [8, 8, 3, 3]),
      /1 left over: features\.transition1\.conv2\.weight/,
    ],
    [
      'a deep stem (densenetblur121d)',
      (shapes) => {
        shapes.set('features.conv0.weight', [4, 3, 3, 3]).set('features.conv1.weight', [4, 4, 3, 3]);
        shapes.set('features.conv2.weight', [8, 4, 3, 3]);
      },
      /left over: .*features\.conv1\.weight.*\. features\.conv1: a stem of several convolutions \(timm's densenetblur121d/,
    ],
    [
      'a stem of 5×5',
      (shapes) => shapes.set('features.conv0.weight', [8, 3, 5, 5]),
      /features\.conv0\.weight is \[8,3,5,5\], expected \[8,3,7,7\]/,
    ],
    [
      'a network over volumes',
      (shapes) => {
        for (const [name, shape] of shapes) if (shape.length === 4) shapes.set(name, [...shape, shape[3] ?? 1]);
      },
      /conv0\.weight is \[8,3,7,7,7\], expected \[8,3,7,7\].*\. Its convolutions are three-dimensional/,
    ],
    [
      'grouped convolutions',
      (shapes) => shapes.set('features.denseblock1.denselayer1.conv2.weight', [4, 4, 3, 3]),
      /denselayer1\.conv2\.weight is \[4,4,3,3\], expected \[4,16,3,3\]/,
    ],
    [
      'attention between the blocks',
      (shapes) => shapes.set('features.denseblock1.se.fc1.weight', [2, 16]),
      /1 left over: features\.denseblock1\.se\.fc1\.weight/,
    ],
    [
      'a head of two layers that do not fit each other',
      (shapes) => {
        shapes.delete('classifier.weight');
        shapes.delete('classifier.bias');
        shapes.set('classifier.0.weight', [16, 18]).set('classifier.2.weight', [5, 17]);
      },
      /the body is a DenseNet, but these do not make its head: classifier\.0\.weight \[16,18\], classifier\.2\.weight \[5,17\]/,
    ],
    [
      'a head that has lost its weights',
      (shapes) => shapes.delete('classifier.weight'),
      /1 missing: classifier\.weight/,
    ],
  ];
  for (const [what, change, message] of cases) {
    it(what, async () => {
      const shapes = shapesOf(IMAGENET);
      change(shapes);
      expect((await failure(shapes)).message).toMatch(message);
    });
  }

  it('transitions that lack their ReLU, which only the names tell', async () => {
    const names = new Map([['features.dense_block_layer_0.bottle_neck_layer_0.bottle_neck.0.running_mean', [24]]]);
    expect((await failure(names)).message).toMatch(/whose transitions lack their ReLU: it cannot be run$/);
  });

  it('a ResNet, and names that nobody uses', async () => {
    expect((await failure(new Map([['layer1.0.conv1.weight', [4, 4, 3, 3]]]))).message).toMatch(
      /its 1 tensors are named by no known scheme, .* Its names are those of a ResNet$/,
    );
    expect((await failure(new Map([['densenet.weight', [4]]]))).message).toMatch(
      /ends after 0 of 0 convolutions: it has no convolutions/,
    );
  });
});

describe('two networks side by side in one file', () => {
  const both = () => {
    const student = shapesOf(IMAGENET, (name) => `net.${name}`);
    for (const [name, shape] of shapesOf(IMAGENET, (each) => `ema_net.${each}`)) student.set(name, shape);
    return student;
  };

  it('are told apart, and one is taken by what its names begin with', async () => {
    expect((await failure(both())).message).toMatch(
      /"ema_net" seems to be another network: take one of them with --key$/,
    );
    const zeros = [...both()].map(([name, shape]) => floatTensor(name, shape, new Float32Array(elementCount(shape))));
    for (const key of ['net', 'ema_net']) {
      const { config } = await importCheckpoint(writeSafetensors(zeros), 'x.safetensors', { key });
      expect(config).toEqual(IMAGENET);
    }
    await expect(importCheckpoint(writeSafetensors(zeros), 'x.safetensors', { key: 'ema' })).rejects.toThrow(
      'no tensor is named "ema.…": the names begin net.features',
    );
  });
});

describe('names and shapes made to exhaust', () => {
  const anyName = (index: number) => `features.denseblock${index}.denselayer9999.norm1.running_mean`;
  const cases: [what: string, shapes: () => Shapes][] = [
    ['blocks of thousands of layers', () => new Map(Array.from({ length: 15_000 }, (_, i) => [anyName(i + 1), [1]]))],
    [
      'ten thousand tensors left over',
      () => {
        const shapes = without(shapesOf(IMAGENET), 'features.norm5.bias');
        for (let i = 0; i < 10_000; i++) shapes.set(`features.norm5.bias${i}`, [1]);
        return shapes;
      },
    ],
    [
      'names of twenty thousand letters, a header of nearly the 2 MiB that one may have',
      () => {
        const long = 'a'.repeat(20_000);
        return without(
          shapesOf(IMAGENET, (name) => `${long}.${name}`),
          `${long}.features.norm5.bias`,
        ).set(`${long}.features.norm6.bias`, [1]);
      },
    ],
    ['a name of dots', () => shapesOf(IMAGENET).set('.'.repeat(100_000), [1, 1])],
    [
      'layer numbers beyond every integer',
      () => new Map([[`features.denseblock1.denselayer${'9'.repeat(400)}.norm1.running_mean`, [1]]]),
    ],
    ['empty tensors of 2^50 channels', () => shapesOf(IMAGENET).set('features.conv0.weight', [2 ** 50, 0, 7, 7])],
  ];
  for (const [what, shapes] of cases) {
    it(what, async () => {
      expect((await failure(shapes())).message.length).toBeLessThan(2e6);
    });
  }
});

it('every scheme has its origin, for messages', () => {
  expect([...SCHEME_SOURCES.keys()]).toEqual(SCHEMES.map(({ name }) => name));
});

describe('nearestName', () => {
  it('is the fewest letters away, and nothing where all are far', () => {
    expect(nearestName('norm5.bias', ['conv0.weight', 'norm_5.bais', 'norm5.bis'])).toBe('norm5.bis');
    expect(nearestName('norm5.bias', ['conv0.weight', ''])).toBeNull();
    expect(nearestName('a', [])).toBeNull();
    expect(nearestName('features.norm5', ['features.norm', 'features.norm_final', 'features.morn5'])).toBe(
      'features.norm',
    );
  });

  it('knows the exact name from all others', () => {
    const names = [...shapesOf(IMAGENET).keys()];
    for (const name of names) expect(nearestName(name, names)).toBe(name);
  });
});

it('every refusal is one of the package’s errors', async () => {
  const error = await failure(new Map([['x', [1]]]));
  expect(isDenseNetError(error)).toBe(true);
});
