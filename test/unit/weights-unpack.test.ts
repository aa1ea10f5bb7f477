/** Packed weights as tensors again, and heads as files of their own. */
import { describe, expect, it } from 'vitest';
import { randomModel } from '../../src/bench/random-model.js';
import type { DenseNetConfig } from '../../src/model/config.js';
import { deriveConfig } from '../../src/model/derive.js';
import { encodeMetadata } from '../../src/model/metadata.js';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors.js';
import { floatTensor } from '../../src/tensor/tensor.js';
import { foldsOf } from '../../src/weights/fold.js';
import {
  checkHead,
  fingerprintOf,
  headTensors,
  readHead,
  replaceHead,
  writeHead,
} from '../../src/weights/head-file.js';
import { interpretTensors } from '../../src/weights/interpret.js';
import { layoutWeights, type PackedWeights, packPart, weightParts } from '../../src/weights/pack.js';
import { UNPACKED_EPSILON, unpackHead, unpackModel } from '../../src/weights/unpack.js';

const SMALL: DenseNetConfig = {
  ...{ stem: 'cifar', stemNorm: false, inChannels: 3, initFeatures: 6, growthRate: 5 },
  ...{ blocks: [2, 1], bottleneck: 4, transitions: [7], classes: 5, bnEpsilon: 1.001e-5 },
};
const CONFIGS: readonly (readonly [string, DenseNetConfig])[] = [
  ['a CIFAR network', SMALL],
  ['plain layers and one channel', { ...SMALL, bottleneck: null, inChannels: 1, growthRate: 4 }],
  ["ImageNet's stem", { ...SMALL, stem: 'imagenet', stemNorm: true, blocks: [1, 1] }],
  ['averages and maxima, hidden layers', { ...SMALL, pooling: 'both', hidden: [{ width: 6, activation: 'gelu' }] }],
];

function packedOf(bytes: Uint8Array, precision: 'f32' | 'f16', facts = {}): PackedWeights & { config: DenseNetConfig } {
  const { canonical, config } = interpretTensors(readSafetensors(bytes).tensors, facts);
  const layout = layoutWeights(config, precision);
  const packed = new ArrayBuffer(layout.bytes);
  const folds = foldsOf(canonical, config);
  for (const part of weightParts(config)) packPart(part, folds, layout, packed);
  return { layout, packed, config };
}

describe.each(CONFIGS)('the weights of %s', (_, config) => {
  const { pooling, stemNorm } = config;
  const facts = {
    stemNorm,
    bnEpsilon: config.bnEpsilon,
    ...(pooling && { pooling }),
    hiddenActivations: ['gelu'] as const,
  };
  const file = randomModel(config, 3);

  it.each(['f32', 'f16'] as const)('unpacked and packed again are the same bytes, in %s', (precision) => {
    const packed = packedOf(file, precision, facts);
    const again = writeSafetensors(unpackModel(packed.config, [packed]));
    const result = packedOf(again, precision, { ...facts, bnEpsilon: UNPACKED_EPSILON });
    expect(result.config).toEqual({ ...packed.config, bnEpsilon: UNPACKED_EPSILON });
    expect(Buffer.compare(Buffer.from(result.packed), Buffer.from(packed.packed))).toBe(0);
    expect(new Float32Array(packed.packed).some((value) => value !== 0)).toBe(true);
  });

  it('have one fingerprint however they are stored, and another network has another', () => {
    const fingerprint = fingerprintOf(packedOf(file, 'f32', facts));
    expect(fingerprintOf(packedOf(file, 'f16', facts))).toBe(fingerprint);
    expect(fingerprintOf(packedOf(randomModel(config, 4), 'f32', facts))).not.toBe(fingerprint);
  });
});

describe('the file of a head', () => {
  const packed = packedOf(randomModel(SMALL, 3), 'f32');
  const head = {
    tensors: headTensors(unpackHead(packed.config, [packed])),
    metadata: { labels: ['a', 'b', 'c', 'd', 'e'] },
    fingerprint: fingerprintOf(packed),
  };

  it('is read as it was written, and belongs to its network', () => {
    const read = readHead(writeHead(head));
    expect([read.metadata, read.fingerprint]).toEqual([head.metadata, head.fingerprint]);
    expect([...read.tensors.keys()].sort()).toEqual(['classifier.bias', 'classifier.weight']);
    checkHead(read, packed);
    expect(() => checkHead(read, packedOf(randomModel(SMALL, 4), 'f32'))).toThrow(
      'the head was taught on the features of another network',
    );
  });

  it('replaces the head of a network, its hidden layers included', () => {
    const config = { ...SMALL, hidden: [{ width: 6, activation: 'relu' as const }] };
    const network = interpretTensors(readSafetensors(randomModel(config, 3)).tensors, {});
    expect(network.config.hidden).toHaveLength(1);
    const replaced = replaceHead(network, head);
    const shapes = new Map([...replaced.canonical.values()].map(({ name, shape }) => [name, shape]));
    expect(replaced.config).toEqual(deriveConfig(shapes));
    expect([replaced.config.hidden, replaced.config.classes]).toEqual([undefined, 5]);
  });

  it('is refused when it is something else', () => {
    expect(() => readHead(randomModel(SMALL, 3))).toThrow('the head is no file of toSafetensors({ headOnly: true })');
    const weight = floatTensor('classifier.weight', [2, 3], new Float32Array(6));
    expect(() => readHead(writeHead({ ...head, tensors: headTensors([weight]) }))).toThrow('save it again');
    const bias = floatTensor('classifier.bias', [2], new Float32Array(2));
    const narrow = { ...head, tensors: headTensors([weight, bias]) };
    const network = interpretTensors(readSafetensors(randomModel(SMALL, 3)).tensors, {});
    expect(() => replaceHead(network, narrow)).toThrow(
      /^the head reads 3 features, and this network has \d+: load the/,
    );
    const marked = writeSafetensors([weight, bias], [...encodeMetadata({}), ['densenet-webgpu-head', '0']]);
    expect(readHead(marked).fingerprint).toBe('0');
  });
});
