/** Names, metadata and batch norm folding: from the tensors of a file to the weights that kernels read. */
import { describe, expect, it } from 'vitest';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { decodeMetadata, encodeMetadata } from '../../src/model/metadata.js';
import type { ModelMetadata } from '../../src/model/model.js';
import { floatTensor, type Tensor, type TensorMap } from '../../src/tensor/tensor.js';
import { canonicalise } from '../../src/weights/canonicalise.js';
import { modelFromTensors } from '../../src/weights/model-file.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';

const { tensors } = await importCheckpoint(readBytes(`${FIXTURES}torchvision-grey.pth`), 'torchvision-grey.pth');

function renamed(rename: (name: string) => string): TensorMap {
  return new Map(
    [...tensors.values()].map((tensor) => [rename(tensor.name), { ...tensor, name: rename(tensor.name) }]),
  );
}

function withTensor(tensor: Tensor): TensorMap {
  return new Map(tensors).set(tensor.name, tensor);
}

describe('canonicalise', () => {
  const keras = (name: string) =>
    name
      .replace('features.conv0', 'conv1/conv')
      .replace('features.norm0', 'conv1/bn')
      .replace(/features\.denseblock(\d+)\.denselayer(\d+)\.(\w+)/, (_, b, i, part) => {
        const parts: Record<string, string> = { norm1: '0_bn', conv1: '1_conv', norm2: '1_bn', conv2: '2_conv' };
        return `conv${Number(b) + 1}_block${i}_${parts[part]}`;
      })
      .replace(
        /features\.transition(\d+)\.(\w+)/,
        (_, b, part) => `pool${Number(b) + 1}_${part === 'norm' ? 'bn' : 'conv'}`,
      )
      .replace('features.norm5', 'bn')
      .replace('classifier', 'fc1000');
  const dressings: [what: string, rename: (name: string) => string, scheme: string][] = [
    ['no prefix', (name) => name, 'torchvision'],
    ['module.', (name) => `module.${name}`, 'torchvision'],
    ['model.densenet121.', (name) => `model.densenet121.${name}`, 'torchvision'],
    [
      'a backbone without "features", its head outside',
      (name) => name.replace('features.', 'backbone.'),
      'torchvision',
    ],
    ['a head called fc.1', (name) => name.replace('classifier', 'fc.1'), 'torchvision'],
    ['a head called class_layers.out', (name) => name.replace('classifier', 'class_layers.out'), 'torchvision'],
    ['norm_final', (name) => name.replace('norm5', 'norm_final'), 'torchvision'],
    ['Keras names', keras, 'keras'],
  ];
  for (const [what, rename, scheme] of dressings) {
    it(what, () => {
      const found = canonicalise(renamed(rename));
      expect(found.scheme).toBe(scheme);
      expect([...found.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
    });
  }

  it('takes a 1×1 convolution as the head', () => {
    const head = tensors.get('classifier.weight');
    if (!head) throw new Error('the fixture has a head');
    const found = canonicalise(withTensor({ ...head, shape: [...head.shape, 1, 1] }));
    expect(found.tensors.get('classifier.weight')?.shape).toEqual(head.shape);
  });

  it('refuses two heads, and names that match no scheme', () => {
    expect(() => canonicalise(withTensor(floatTensor('fc.bias', [5], new Float32Array(5))))).toThrow(
      'two tensors would both be classifier.bias: "classifier.bias" and "fc.bias"',
    );
    const resnet = floatTensor('layer1.0.conv1.weight', [1], new Float32Array(1));
    expect(() => canonicalise(new Map([[resnet.name, resnet]]))).toThrow(
      /none of its 1 tensors .* "layer1.0.conv1.weight"/,
    );
  });
});

describe('foldModel', () => {
  const name = 'features.transition1.norm.running_var';
  const variance = (...values: number[]) =>
    withTensor(
      floatTensor(
        name,
        [16],
        Float32Array.from({ length: 16 }, (_, i) => values[i] ?? 1),
      ),
    );

  it('scales by gamma / sqrt(var + epsilon), with the epsilon of the metadata', () => {
    const ones = new Map(variance(3));
    for (const [leaf, value] of [
      ['weight', 2],
      ['bias', 5],
      ['running_mean', 7],
    ] as const)
      ones.set(
        `features.transition1.norm.${leaf}`,
        floatTensor(`features.transition1.norm.${leaf}`, [16], new Float32Array(16).fill(value)),
      );
    const norm = modelFromTensors(ones, { bnEpsilon: 1 }).folded.blocks[0]?.transition?.norm;
    expect(norm?.scale[0]).toBe(1);
    expect(norm?.shift[0]).toBe(5 - 7);
    expect(norm?.scale[1]).toBe(Math.fround(2 / Math.sqrt(2)));
  });

  it('refuses a negative variance, NaN and infinity by name', () => {
    expect(() => modelFromTensors(variance(1, -0.5), {})).toThrow(`tensor "${name}" has a negative variance, -0.5`);
    expect(() => modelFromTensors(variance(1, 1, Number.NaN), {})).toThrow(`tensor "${name}" has NaN at element 2`);
    expect(() => modelFromTensors(variance(Number.POSITIVE_INFINITY), {})).toThrow(
      `tensor "${name}" has Infinity at element 0`,
    );
  });
});

describe('metadata', () => {
  const full: ModelMetadata = {
    name: 'a net',
    labels: ['cat', 'dog'],
    activation: 'sigmoid',
    thresholds: [0.25, null],
    concat: 'new-first',
    bnEpsilon: 1.001e-5,
    provenance: 'trained here',
    license: 'MIT',
    preprocess: {
      resize: { kind: 'shorterSide', size: 256, filter: 'nearest', antialias: true },
      crop: [224, 224],
      cropRounding: 'down',
      scale: 1 / 255,
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
      channelOrder: 'rgb',
    },
  };

  it('reads back what was written, and a bare file has none', () => {
    expect(decodeMetadata(new Map(encodeMetadata(full)))).toEqual(full);
    expect(decodeMetadata(new Map([['format', 'pt']]))).toEqual({});
  });

  const bad: [what: string, json: string, message: RegExp][] = [
    ['no JSON', '{', /is not JSON/],
    ['a list', '[]', /must be an object/],
    ['null', 'null', /must be an object/],
    ['another version', '{"version":2}', /version must be one of 1/],
    ['labels of numbers', '{"labels":["a",1]}', /labels\[1\] must be a text/],
    ['an unknown activation', '{"activation":"relu"}', /activation must be one of softmax, sigmoid/],
    ['thresholds of texts', '{"thresholds":[0.5,"a"]}', /thresholds\[1\] must be a number/],
    ['an order without meaning', '{"concat":"last"}', /concat must be one of new-first/],
    ['epsilon zero', '{"bnEpsilon":0}', /bnEpsilon must be above zero/],
    ['a number that is none', '{"bnEpsilon":NaN}', /is not JSON/],
    ['a number beyond all', '{"bnEpsilon":1e999}', /bnEpsilon must be a number/],
    ['lists in lists in lists', '['.repeat(1_000_000), /is not JSON/],
    ['half a preprocess', '{"preprocess":{}}', /preprocess.resize must be an object/],
  ];
  for (const [what, json, message] of bad)
    it(`refuses ${what}`, () => expect(() => decodeMetadata(new Map([['densenet-webgpu', json]]))).toThrow(message));

  it('takes no field from a prototype', () => {
    const entries = new Map([['densenet-webgpu', '{"__proto__":{"bnEpsilon":-1,"labels":7},"constructor":{}}']]);
    expect(decodeMetadata(entries)).toEqual({});
  });

  it('refuses labels that do not fit the classes', () => {
    expect(() => modelFromTensors(tensors, { labels: ['one'] })).toThrow('1 labels for a network of 5 classes');
  });
});
