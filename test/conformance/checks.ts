/** The checks of the conformance suite, in order: each returns what it measured, or throws what is wrong. */

import type { LoadOptions, Prediction } from '../../src/index.js';
import { PRESETS } from '../../src/preprocess/presets.js';
import { ERROR_CHECKS, fails } from './error-checks.js';
import { Absent, close, type Lab, must, same } from './lab.js';

const F32 = 1e-4;
const F16 = 1e-2;
/** Side of an image that the small network takes without resizing. */
const SIDE = 32;
const EXPLAINED = [0, 9];
const REPEATS = 5;

/** The checks that every context runs in the short form; the others depend on the platform only. */
export const CORE: ReadonlySet<string> = new Set([
  ...['load', 'run', 'classify', 'image file', 'embed', 'explain', 'typed errors', 'silence'],
]);

/** WebGPU's default limits (section 3.6.2), which every adapter offers, as far as compute can meet them. */
const DEFAULTS = {
  maxBindGroups: 4,
  maxBindingsPerBindGroup: 1000,
  maxBufferSize: 256 * 2 ** 20,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeWorkgroupsPerDimension: 65535,
  maxStorageBufferBindingSize: 128 * 2 ** 20,
  maxStorageBuffersPerShaderStage: 8,
  maxUniformBuffersPerShaderStage: 12,
  maxUniformBufferBindingSize: 65536,
  minStorageBufferOffsetAlignment: 256,
  minUniformBufferOffsetAlignment: 256,
} as const satisfies Partial<Record<keyof GPUSupportedLimits, number>>;

/** The most that a workgroup may have on a compatibility-mode device. */
const COMPATIBILITY_INVOCATIONS = 128;

export const CHECKS: Readonly<Record<string, (lab: Lab) => Promise<string>>> = {
  load: async (lab) => {
    const phases = new Set<string>();
    const onProgress = ({ phase }: { phase: string }) => void phases.add(phase);
    // As most callers do, where the platform has its own WebGPU.
    const isThere = typeof navigator !== 'undefined' && navigator.gpu !== undefined;
    const options = { ...(isThere ? {} : { gpu: lab.gpu }), inputSize: [8, 8], onProgress } as const;
    const net = await lab.densenet.DenseNet.load(lab.url('small'), options);
    const { totalBytes } = net.memory;
    net.dispose();
    must([...phases].join() === 'download,read,upload,compile', `phases ${[...phases].join()}`);
    must(totalBytes > 0, 'no memory is accounted for');
    return `${Math.round(totalBytes / 1024)} KiB`;
  },
  run: async (lab) => {
    const { logits, shape } = await (await lab.net()).run(await lab.input('reference'));
    must(shape.join() === '2,10', `shape ${shape}`);
    return close(logits, (await lab.values('reference', 'logits')).data, F32);
  },
  taps: async (lab) => {
    const taps = await (await lab.net()).taps(await lab.input('reference'));
    const found: string[] = [];
    for (const name of (await lab.tensors('reference')).keys()) {
      if (name === 'input') continue;
      found.push(close(taps.get(name)?.data ?? [], (await lab.values('reference', name)).data, F32, name));
    }
    return found.join(', ');
  },
  'other size': async (lab) => {
    const { logits } = await (await lab.net()).run(await lab.input('other-size'));
    return close(logits, (await lab.values('other-size', 'logits')).data, F32);
  },
  repeat: async (lab) => {
    const [net, input] = [await lab.net(), await lab.input('reference')];
    const { logits } = await net.run(input);
    for (let time = 1; time < REPEATS; time++) same((await net.run(input)).logits, logits, `run ${time}`);
    return `${REPEATS} times the same bits`;
  },
  batch: async (lab) => {
    const net = await lab.net();
    const pictures = [1, 2, 3].map((seed) => pixels(seed));
    const together = await net.embed(pictures);
    const width = together.shape[1] ?? 0;
    for (const [i, picture] of pictures.entries()) {
      same(together.data.subarray(i * width, (i + 1) * width), (await net.embed(picture)).data, `picture ${i}`);
    }
    return 'singles bit for bit';
  },
  classify: async (lab) => {
    const net = await lab.net();
    const picture = pixels(4);
    const { logits } = await net.run({ data: normalised(picture.data), shape: [1, 3, SIDE, SIDE] });
    return close(byIndex(await net.classify(picture, { topK: 10 })), softmax(logits), F32);
  },
  'image file': async (lab) => {
    const net = await lab.net();
    const [blob, [width = 0, height = 0], rgba] = await Promise.all([
      lab.file('picture.png').then((bytes) => new Blob([bytes], { type: 'image/png' })),
      lab.values('picture', 'size').then(({ data }) => [...data]),
      lab.file('picture.rgba'),
    ]);
    for (const [need, isThere] of [
      ['createImageBitmap', typeof createImageBitmap !== 'undefined'],
      ['copyExternalImageToTexture', 'copyExternalImageToTexture' in GPUQueue.prototype],
    ] as const) {
      if (isThere) continue;
      await fails(lab, 'ImageError', net.classify(blob));
      throw new Absent(need);
    }
    const expected = byIndex(await net.classify({ data: rgba, width, height }, { topK: 10 }));
    same(byIndex(await net.classify(blob, { topK: 10 })), expected, 'the PNG file');
    const bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none' });
    same(byIndex(await net.classify(bitmap, { topK: 10 })), expected, 'the ImageBitmap');
    return 'as its pixels';
  },
  embed: async (lab) => {
    const net = await lab.net();
    const picture = pixels(5);
    const taps = await net.taps({ data: normalised(picture.data), shape: [1, 3, SIDE, SIDE] });
    return close((await net.embed(picture)).data, taps.get('pooled')?.data ?? [], F32);
  },
  explain: async (lab) => {
    const net = await lab.net();
    const picture = pixels(6);
    const { logits } = await net.run({ data: normalised(picture.data), shape: [1, 3, SIDE, SIDE] });
    const { data: bias } = await lab.values('model', 'classifier.bias');
    const explained: number[] = [];
    for (const classIndex of EXPLAINED) {
      const { values } = await net.explain(picture, { classIndex });
      explained.push(values.reduce((sum, value) => sum + value, 0) / values.length + (bias[classIndex] ?? 0));
    }
    return close(
      explained,
      EXPLAINED.map((classIndex) => logits[classIndex] ?? 0),
      F32,
    );
  },
  profile: async (lab) => {
    const net = await lab.net();
    const { steps } = await net.profile(pixels(7));
    const timed = steps.filter(({ microseconds }) => microseconds !== null).length;
    const isTimed = net.adapter.features.includes('timestamp-query');
    must(timed === (isTimed ? steps.length : 0), `${timed} of ${steps.length} steps have times`);
    return isTimed ? `${timed} steps timed` : 'by the wall clock only';
  },
  'f16 weights': async (lab) => {
    const device = await lab.open([]);
    const error = await small(lab, { device, weights: 'f16' }, F16);
    device.destroy();
    return error;
  },
  'f16 maps': async (lab) => {
    const device = await lab.open([]);
    const error = await small(lab, { device, precision: 'f16' }, F16);
    device.destroy();
    return error;
  },
  'automatic precision': (lab) => small(lab, { gpu: lab.gpu, precision: 'auto' }, F16),
  'no feature, default limits': async (lab) => {
    const device = await lab.open([]);
    for (const [limit, value] of Object.entries(DEFAULTS)) {
      const found: unknown = Reflect.get(device.limits, limit);
      must(found === value, `${limit} is ${found} by default, not ${value}`);
    }
    return onDevice(lab, device);
  },
  'only subgroups': async (lab) => onDevice(lab, await lab.open(['subgroups'])),
  'only shader-f16': async (lab) => onDevice(lab, await lab.open(['shader-f16'])),
  'only timestamp-query': async (lab) => onDevice(lab, await lab.open(['timestamp-query'])),
  'highest limits': async (lab) => onDevice(lab, await lab.open([], { limits: numbersOf })),
  'compatibility limits': async (lab) => {
    const device = await lab.open([], { level: 'compatibility' });
    if (device.limits.maxComputeInvocationsPerWorkgroup > COMPATIBILITY_INVOCATIONS)
      throw new Absent('compatibility mode');
    return onDevice(lab, device);
  },
  'device loss': async (lab) => {
    const net = await lab.densenet.DenseNet.load(lab.url('small'), { gpu: lab.gpu, inputSize: [8, 8] });
    const input = await lab.input('small.reference');
    const { logits } = await net.run(input);
    lab.devices.at(-1)?.destroy();
    same((await net.run(input)).logits, logits, 'the answer after the loss');
    net.dispose();
    return 'the same bits afterwards';
  },
  ...ERROR_CHECKS,
  silence: async ({ complaints }) => {
    if (complaints.length > 0) throw new Error(complaints.join('; '));
    return 'no error outside a scope';
  },
};

/** Slow checks; the runner asks for them on the fastest platform. */
export const LONG_CHECKS: Readonly<Record<string, (lab: Lab) => Promise<string>>> = {
  'DenseNet-121, no feature, default limits': async (lab) => {
    const device = await lab.open([]);
    const net = await lab.densenet.DenseNet.load(lab.url('densenet121'), { device });
    const { logits } = await net.run(await lab.input('densenet121.reference'));
    const error = close(logits, (await lab.values('densenet121.reference', 'logits')).data, F32);
    device.destroy();
    return error;
  },
};

/** The small network against its reference. @returns the error */
async function small(lab: Lab, options: LoadOptions, tolerance: number): Promise<string> {
  const net = await lab.densenet.DenseNet.load(lab.url('small'), { ...options, inputSize: [8, 8] });
  const { logits } = await net.run(await lab.input('small.reference'));
  net.dispose();
  return close(logits, (await lab.values('small.reference', 'logits')).data, tolerance);
}

async function onDevice(lab: Lab, device: GPUDevice): Promise<string> {
  const error = await small(lab, { device }, F32);
  device.destroy();
  return error;
}

function numbersOf(limits: GPUSupportedLimits): Record<string, number> {
  const all: Record<string, number> = {};
  for (const name in limits) {
    const value: unknown = Reflect.get(limits, name);
    if (typeof value === 'number') all[name] = value;
  }
  return all;
}

/** An image of noise, opaque RGBA. */
function pixels(seed: number): { data: Uint8ClampedArray; width: number; height: number } {
  const data = new Uint8ClampedArray(SIDE * SIDE * 4);
  for (let i = 0, state = seed; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = i % 4 === 3 ? 255 : state >>> 24;
  }
  return { data, width: SIDE, height: SIDE };
}

/** RGBA → the NCHW tensor that the preset `cifar10` makes of an image of this size. */
function normalised(data: Uint8ClampedArray): Float32Array {
  const { mean, std, scale } = PRESETS.cifar10;
  const plane = SIDE * SIDE;
  return Float32Array.from({ length: 3 * plane }, (_, i) => {
    const c = Math.floor(i / plane);
    return ((data[(i % plane) * 4 + c] ?? 0) * scale - (mean[c] ?? 0)) / (std[c] ?? 1);
  });
}

function softmax(logits: Float32Array): number[] {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

const byIndex = (predictions: readonly Prediction[]): number[] =>
  [...predictions].sort((a, b) => a.index - b.index).map(({ probability }) => probability);
