/** The files of a case, all made from one safetensors model. Uses no Node module: the bench page makes them, too. */
import type { DenseNetConfig } from '../model/config.js';
import { familyConfig } from '../model/family.js';
import { readModel } from '../weights/model-file.js';
import { operations } from './graph.js';
import { onnxModel } from './onnx.js';
import type { ModelFiles, Shape4 } from './peer.js';
import { randomInput, randomModel } from './random-model.js';
import { tfjsModel } from './tfjs-model.js';

const SEED = 20171107;

/** A network that runs and compiles quickly, for trying the benchmark. */
export const TINY = 'tiny';
const TINY_CONFIG: DenseNetConfig = {
  stem: 'imagenet',
  stemNorm: true,
  inChannels: 3,
  initFeatures: 16,
  growthRate: 8,
  blocks: [2, 2],
  bottleneck: 4,
  transitions: [16],
  classes: 10,
  bnEpsilon: 1e-5,
};

/** A family member's (or the tiny net's) safetensors file of seeded random weights. @throws OptionError for other names */
export function seededModel(name: string): Uint8Array<ArrayBuffer> {
  return randomModel(name === TINY ? TINY_CONFIG : familyConfig(name), SEED);
}

/** `densenet121-b1` for DenseNet-121 at batch 1: the name of a case's folder and of its `.tflite`. */
export function caseName({ model, batch }: { readonly model: string; readonly batch: number }): string {
  const [name = model] = /[^\\/]+$/.exec(model) ?? [];
  return `${name.replace(/\.safetensors$/, '')}-b${batch}`;
}

export const describeMissingTflite = (path: string): string =>
  `there is no ${path}: make it with python3 src/bench/make_tflite.py, which needs TensorFlow (--tflite names another folder)`;

export interface CaseFiles {
  readonly config: DenseNetConfig;
  readonly shape: Shape4;
  /** `tflite` is empty where there is none. */
  readonly bytes: Readonly<Record<keyof ModelFiles, Uint8Array<ArrayBuffer>>>;
}

export function caseFiles(
  safetensors: Uint8Array<ArrayBuffer>,
  batch: number,
  tflite: Uint8Array<ArrayBuffer> = new Uint8Array(),
): CaseFiles {
  const { folded } = readModel(safetensors);
  const { config } = folded;
  const side = sideOf(config);
  const shape = [batch, config.inChannels, side, side] as const;
  const ops = operations(folded);
  const tfjs = tfjsModel(ops);
  const input = randomInput(batch * config.inChannels * side * side, SEED + 1);
  return {
    config,
    shape,
    bytes: {
      safetensors,
      onnx: onnxModel(ops, shape, config.classes).slice(),
      tfjs: new TextEncoder().encode(JSON.stringify(tfjs.ops)).slice(),
      tfjsWeights: new Uint8Array(tfjs.weights.buffer),
      tflite,
      input: new Uint8Array(input.buffer),
    },
  };
}

/** 224 and 32 as in the paper; 64 for small nets that are neither. */
function sideOf(config: DenseNetConfig): number {
  if (config.stem === 'cifar') return 32;
  return config.blocks.length < 4 ? 64 : 224;
}
