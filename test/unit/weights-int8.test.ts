/** Weights as 8-bit integers with a scale for each row. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomModel } from '../../src/bench/random-model.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import type { DenseNetConfig } from '../../src/model/config.js';
import { familyConfig } from '../../src/model/family.js';
import { decodeMetadata } from '../../src/model/metadata.js';
import { joinScales, splitScales, toInt8, withoutScale } from '../../src/tensor/int8.js';
import { readSafetensors, readWholeHeader, writeSafetensors } from '../../src/tensor/safetensors.js';
import { floatTensor, type Tensor, type TensorMap, toFloat32 } from '../../src/tensor/tensor.js';
import { modelFromTensors, readModel, writeModel } from '../../src/weights/model-file.js';

const mapOf = (...tensors: Tensor[]): TensorMap => new Map(tensors.map((tensor) => [tensor.name, tensor]));

describe('integers of a row', () => {
  const rows = fc.array(fc.array(fc.float({ min: -3, max: 3, noNaN: true }), { minLength: 9, maxLength: 9 }), {
    minLength: 1,
    maxLength: 5,
  });

  it('are a neighbour of each value, and their errors sum to at most half a step', () => {
    fc.assert(
      fc.property(rows, (list) => {
        const stored = toInt8(floatTensor('w', [list.length, 9], Float32Array.from(list.flat())));
        const found = toFloat32(stored);
        const scales = toFloat32(stored.scale ?? stored);
        for (const [row, values] of list.entries()) {
          const scale = scales[row] ?? 0;
          expect(scale).toBeCloseTo(Math.max(...values.map(Math.abs)) / 127, 6);
          const errors = values.map((value, i) => (scale === 0 ? 0 : ((found[9 * row + i] ?? 0) - value) / scale));
          expect(Math.max(...errors.map(Math.abs))).toBeLessThan(1.001);
          const sum = errors.reduce((total, error) => total + error, 0);
          // Where all that could be changed are at the end of the range, the sum stays.
          if (values.filter((value) => Math.abs(value) < 126 * scale).length > 4)
            expect(Math.abs(sum)).toBeLessThan(0.501);
        }
        const integers = new Int8Array(stored.bytes);
        expect(integers.every((value) => value >= -127)).toBe(true);
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('keep zeros, and a row of zeros', () => {
    const tensor = floatTensor('w', [2, 2], Float32Array.of(0, 0, 0, -2));
    const stored = toInt8(tensor);
    expect([...toFloat32(stored)]).toEqual([0, 0, 0, -2]);
    expect([...new Int8Array(stored.bytes)]).toEqual([0, 0, 0, -127]);
  });
});

describe('a file of integers', () => {
  const integers: Tensor = { name: 'a.weight', dtype: 'I8', shape: [2, 2], bytes: new Uint8Array([1, 2, 255, 127]) };
  const scale = floatTensor('a.weight_scale', [2], Float32Array.of(0.5, 0.25));

  it('reads as one tensor of floats, and is written as two', () => {
    const { tensors } = readSafetensors(writeSafetensors([integers, scale]));
    const [joined] = tensors.values();
    expect([...tensors.keys()]).toEqual(['a.weight']);
    expect([...toFloat32(joined ?? scale)]).toEqual([0.5, 1, -0.25, 31.75]);
    expect(splitScales(tensors.values()).map(({ name }) => name)).toEqual(['a.weight', 'a.weight_scale']);
    expect(readSafetensors(writeSafetensors(tensors.values())).tensors).toEqual(tensors);
    expect(withoutScale(joined ?? scale)).toMatchObject({ dtype: 'F32', shape: [2, 2] });
  });

  it('without the scale, or with one that does not fit, is refused by name', () => {
    expect(() => toFloat32(integers)).toThrow('tensor "a.weight" holds I8, but weights must be floating point');
    const wrong = floatTensor('a.weight_scale', [3], new Float32Array(3));
    expect(() => joinScales(mapOf(integers, wrong))).toThrow(
      'tensor "a.weight_scale" is F32 [3], but "a.weight" of 2 rows needs F32 [2]',
    );
    const floats = floatTensor('a.weight', [2, 2], new Float32Array(4));
    expect(joinScales(mapOf(floats, scale)).size).toBe(2);
  });
});

describe('a model stored as int8', () => {
  const store = (config: DenseNetConfig) => {
    const model = randomModel(config, 1);
    const { tensors, metadata } = readSafetensors(model);
    return { model, metadata: decodeMetadata(metadata), stored: writeModel(tensors, decodeMetadata(metadata), 'int8') };
  };
  const small: DenseNetConfig = {
    ...{ stem: 'imagenet', stemNorm: true, inChannels: 3, initFeatures: 8, growthRate: 4 },
    ...{ blocks: [2, 2], bottleneck: 4, transitions: [8], classes: 5, bnEpsilon: 1e-5 },
  };

  it('has less than a third of the bytes: convolutions in I8, the first one and the head in F16, norms in F32', () => {
    const { model, stored } = store(familyConfig('densenet121'));
    const kinds = new Map<string, number>();
    for (const { dtype, begin, end } of readWholeHeader(stored).entries.values())
      kinds.set(dtype, (kinds.get(dtype) ?? 0) + end - begin);
    const first = 64 * 3 * 7 * 7;
    const head = 1000 * 1024;
    expect(kinds.get('F16')).toBe(2 * (first + head));
    expect(kinds.get('I8')).toBe(6_870_208 - first);
    expect([...kinds.keys()].sort()).toEqual(['F16', 'F32', 'I8']);
    console.log(`DenseNet-121: ${model.length} bytes as f32, ${stored.length} as int8`);
    expect(stored.length).toBeLessThan(model.length / 3);
  });

  it('folds to exactly what the same numbers as floats fold to', () => {
    const { metadata, stored } = store(small);
    const floats = new Map([...readSafetensors(stored).tensors].map(([name, tensor]) => [name, withoutScale(tensor)]));
    expect(readModel(stored).folded).toEqual(modelFromTensors(floats, metadata).folded);
  });

  it('can be imported again', async () => {
    const { stored } = store(small);
    const again = await importCheckpoint(stored, 'stored.safetensors');
    expect(again.config).toEqual(readModel(stored).folded.config);
    const written = writeModel(again.tensors, again.metadata);
    const direct = writeModel(readSafetensors(stored).tensors, again.metadata);
    expect(Buffer.compare(written, direct)).toBe(0);
  });
});
