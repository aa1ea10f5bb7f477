/** The options of every method: an unknown or impossible one is an OptionError that names it. */
import { describe, expect, it } from 'vitest';
import { isDenseNetError } from '../../src/core/errors.js';
import { callSafely, checkOptions } from '../../src/runtime/options.js';

type Method = Parameters<typeof checkOptions>[0];

function messageOf(method: Method, options: unknown): string | null {
  try {
    checkOptions(method, options);
    return null;
  } catch (error) {
    if (isDenseNetError(error)) return `${error.name}: ${error.message}`;
    throw error;
  }
}

const resize = { kind: 'none' };
const preprocess = { resize, crop: null, scale: 1, mean: [0], std: [1], channelOrder: 'gray' };

describe('load()', () => {
  it.each<[options: unknown, message: string | RegExp]>([
    [null, 'OptionError: the options of load() are null: make them an object'],
    [{ presicion: 'f16' }, /^OptionError: load\(\) has no option presicion: it takes device, gpu, precision, /],
    [{ precision: 'f64' }, 'OptionError: precision is "f64": make it one of auto, f32, f16'],
    [{ weights: 'int8' }, 'OptionError: weights is "int8": make it one of f32, f16'],
    [{ batch: 0 }, 'OptionError: batch is 0: make it a whole number, 1 or more'],
    [{ batch: 1.5 }, 'OptionError: batch is 1.5: make it a whole number, 1 or more'],
    [{ inputSize: null }, 'OptionError: inputSize is null: make it [height, width], two whole numbers'],
    [{ inputSize: [224] }, 'OptionError: inputSize is [224]: make it [height, width], two whole numbers'],
    [{ inputSize: [8, 0.5] }, 'OptionError: inputSize is [8, 0.5]: make it [height, width], two whole numbers'],
    [{ inputSize: Array(2) }, /^OptionError: inputSize is /],
    [{ device: { queue: 1 } }, 'OptionError: device is an object with queue: make it a GPUDevice'],
    [{ gpu: {} }, /^OptionError: gpu is an object with no fields: make it a GPU/],
    [
      { timeout: Number.POSITIVE_INFINITY },
      /^OptionError: timeout is Infinity: make it milliseconds above 0, at most 2147483647$/,
    ],
    [{ timeout: 2 ** 31 }, /^OptionError: timeout is 2147483648/],
    [{ timeout: Number.NaN }, /^OptionError: timeout is NaN/],
    [{ signal: {} }, 'OptionError: signal is an object with no fields: make it an AbortSignal'],
    [{ preprocess: {} }, /^OptionError: preprocess\.resize must be /],
    [{ preprocess: { ...preprocess, std: [0] } }, /^OptionError: preprocess\.std\[0\] must be above zero/],
    [{ onProgress: 'log' }, 'OptionError: onProgress is "log": make it a function'],
    [{ tune: { budgte: 5 } }, /^OptionError: tune is an object with budgte/],
    [{ tuned: { shape: 1 } }, /^OptionError: tuned is /],
    [{ cache: 'yes' }, 'OptionError: cache is "yes": make it true or false'],
    [{ head: 5 }, /^OptionError: head is 5: make it a file of toSafetensors\(\{ headOnly: true \}\): its URL, /],
  ])('refuses %j', (options, message) => {
    const found = messageOf('load', options);
    if (typeof message === 'string') expect(found).toBe(message);
    else expect(found).toMatch(message);
  });

  it.each([
    {},
    { precision: undefined },
    { preprocess, batch: 4, inputSize: [224, 224], timeout: 2 ** 31 - 1, signal: new AbortController().signal },
    { tune: { budget: 0, store: { getItem: () => null, setItem: () => {} } } },
  ])('takes %o', (options) => {
    expect(messageOf('load', options)).toBeNull();
  });
});

describe('the calls', () => {
  it.each<[Method, unknown, string | RegExp]>([
    ['classify', { topK: 0 }, 'OptionError: topK is 0: make it a whole number of classes, 1 or more'],
    ['classify', { topk: 3 }, 'OptionError: classify() has no option topk: it takes signal, topK'],
    ['explain', { classIndex: -1 }, /^OptionError: classIndex is -1: make it the index of a class/],
    ['run', { signal: 'stop' }, 'OptionError: signal is "stop": make it an AbortSignal'],
    ['teach', { none: '' }, 'OptionError: none is "": make it a name that no class has'],
    ['train', { onProgress: true }, 'OptionError: onProgress is true: make it a function'],
    ['toSafetensors', { headonly: true }, 'OptionError: toSafetensors() has no option headonly: it takes headOnly'],
    ['run', 5, 'OptionError: the options of run() are 5: make them an object'],
  ])('%s refuses %j', (method, options, message) => {
    const found = messageOf(method, options);
    if (typeof message === 'string') expect(found).toBe(message);
    else expect(found).toMatch(message);
  });
});

describe("a caller's function that throws", () => {
  it('is reported on the console and changes nothing', () => {
    const logged: unknown[] = [];
    const original = console.error;
    console.error = (...words) => logged.push(words.join(' '));
    callSafely('onProgress', () => JSON.parse('{'), 1);
    console.error = original;
    expect(logged).toEqual([expect.stringMatching(/^densenet-webgpu: onProgress threw SyntaxError/)]);
  });
});
