/** The readers under test: what each is fed with, and how it reads. */
import { readdirSync } from 'node:fs';
import { randomModel } from '../../src/bench/random-model.js';
import { ModelFormatError } from '../../src/core/errors.js';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import type { DenseNetConfig } from '../../src/model/config.js';
import { decodeMetadata } from '../../src/model/metadata.js';
import { fromPreprocessorConfig, fromTimmConfig } from '../../src/preprocess/hub-config.js';
import { parsePreprocess } from '../../src/preprocess/parse.js';
import { PRESETS } from '../../src/preprocess/presets.js';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';
import { mutateBytes } from './bytes.js';
import { hdf5Maker } from './hdf5.js';
import { copyTree, type Json, mutateTree, toTree, writeJson } from './json.js';
import { protobufMaker } from './protobuf.js';
import { legacyMaker, zipMaker } from './pytorch.js';
import type { Random } from './random.js';
import { safetensorsMaker } from './safetensors.js';
import { scriptMaker } from './script.js';
import { loadInPieces } from './stream.js';
import { checkTensors, useModel } from './use.js';
import { lieInRecords, mutateMembers, openArchive, writeArchive } from './zip.js';

/** File name → bytes; the first is the one that a person would name. */
export type Input = ReadonlyMap<string, Uint8Array>;

export interface Reader {
  /** A variation of a valid input. */
  readonly make: (random: Random) => Input;
  /** Bytes → tensors, whose memory is measured; then whatever a model goes through before it meets a GPU. */
  readonly read: (input: Input) => Promise<() => void>;
  /** Bytes of memory that the format lets a file of any size ask for; 0 without it. */
  readonly allowance?: number;
}

type Maker = (random: Random) => Uint8Array;

/** Every reader, opened when it is wanted: the corpora take time to read. */
export const READERS: ReadonlyMap<string, () => Reader> = new Map([
  ['safetensors', safetensors],
  ['stream', stream],
  ['metadata', metadata],
  ['pytorch', pytorch],
  ['pytorch-legacy', pytorchLegacy],
  ['torchscript', torchscript],
  ['onnx', onnx],
  ['keras-h5', kerasH5],
  ['keras', kerasArchive],
  ['tfjs', tfjs],
]);

const TINY: DenseNetConfig = {
  ...{ stem: 'imagenet', stemNorm: true, inChannels: 1, initFeatures: 2, growthRate: 1 },
  ...{ blocks: [1, 2], bottleneck: 2, transitions: [2], classes: 3, bnEpsilon: 1e-5 },
};
const PLAIN: DenseNetConfig = { ...TINY, stem: 'cifar', stemNorm: false, bottleneck: null };

/** A model file with everything that metadata can hold. */
function withMetadata(file: Uint8Array): Uint8Array {
  const document = {
    ...{ version: 1, labels: ['cat', 'dog', 'ship'], preprocess: PRESETS.torchxrayvision, activation: 'sigmoid' },
    ...{ bnEpsilon: 1e-5, provenance: 'somewhere', license: 'MIT', name: 'tiny' },
  };
  const metadata = [['densenet-webgpu', JSON.stringify(document)] as const];
  return writeSafetensors(readSafetensors(file).tensors.values(), metadata);
}

/** Small files nearly always, since they are quick; one of megabytes now and then, where memory would show. */
function oneOf(name: string, small: readonly Maker[], large: Maker): Reader['make'] {
  return (random) => {
    const make = random.once(1000) ? large : random.pick(small);
    return new Map([[name, make(random)]]);
  };
}

function first(input: Input): readonly [name: string, bytes: Uint8Array] {
  for (const entry of input) return entry;
  throw new RangeError('an input has at least one file');
}

function safetensorsInputs(): Reader['make'] {
  const small = [TINY, PLAIN].map((config) => safetensorsMaker(withMetadata(randomModel(config, 1))));
  return oneOf('model.safetensors', small, safetensorsMaker(readBytes(DEFAULT_MODEL)));
}

/** Its first byte says how it arrives, which is as random as the rest. */
function stream(): Reader {
  return {
    make: safetensorsInputs(),
    read: async (input) => {
      const [, bytes] = first(input);
      const way = bytes[0] ?? 0;
      const size = Math.max(1 + 7 * (way >> 1) ** 2, bytes.length >> 13);
      await loadInPieces(bytes, size, way % 2 === 0);
      return () => undefined;
    },
    // A stream of pieces of one byte has objects of a kilobyte around each.
    allowance: 2 ** 25,
  };
}

/** The way of `DenseNet.load` with bytes at hand. */
function safetensors(): Reader {
  return {
    make: safetensorsInputs(),
    read: async (input) => {
      const [, bytes] = first(input);
      const { tensors, metadata } = readSafetensors(bytes);
      checkTensors(tensors);
      return () => useModel(tensors, decodeMetadata(metadata));
    },
  };
}

const DEFAULT_MODEL = `${FIXTURES}../../weights/default.safetensors`;

/** Every JSON document from outside. */
function metadata(): Reader {
  const documents = [
    { parse: parsePreprocess, tree: toTree(PRESETS.torchvision) },
    { parse: parsePreprocess, tree: toTree(PRESETS.cifar10) },
    { parse: fromTimmConfig, tree: toTree({ pretrained_cfg: TIMM }) },
    { parse: fromPreprocessorConfig, tree: toTree(PREPROCESSOR) },
  ];
  return {
    make: (random) => {
      const index = random.below(documents.length);
      const text = mutateDocument(documents[index]?.tree ?? null, random);
      return new Map([[`${index}.json`, random.once(8) ? mutateBytes(text, random) : text]]);
    },
    read: async (input) => {
      const [name, bytes] = first(input);
      let value: unknown = null;
      try {
        value = JSON.parse(new TextDecoder().decode(bytes));
      } catch {} // whoever calls these parsers has parsed the text
      documents[Number.parseInt(name, 10)]?.parse(value);
      return () => undefined;
    },
  };
}

const TIMM = {
  ...{ input_size: [3, 224, 224], test_input_size: [3, 288, 288], crop_pct: 0.875, test_crop_pct: 0.95 },
  ...{ interpolation: 'bicubic', crop_mode: 'center', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
};
const PREPROCESSOR = {
  ...{ do_resize: true, size: { shortest_edge: 256 }, resample: 2, do_center_crop: true },
  ...{ crop_size: { height: 224, width: 224 }, do_rescale: true, rescale_factor: 1 / 255, do_normalize: true },
  ...{ image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] },
};

function pytorch(): Reader {
  const small = [
    ...['torchvision-mixed', 'torchvision-module', 'efficient-densenet-norm0', 'densenet3-new-first'],
    ...['import/fastai-module', 'import/gelu-elu-head-module', 'import/names-layers-late', 'import/pruned'],
    ...['import/lightning', 'import/norm-head', 'import/no-head-module'],
  ];
  const large = zipMaker(readBytes(`${FIXTURES}densenet3-plain.pth`));
  const makers = small.map((name) => zipMaker(readBytes(`${FIXTURES}${name}.pth`)));
  return { make: oneOf('model.pth', makers, large), read: readCheckpoint };
}

function pytorchLegacy(): Reader {
  const make = legacyMaker(readBytes(`${FIXTURES}torchvision-download.pth`));
  return { make: oneOf('model.pth', [make], make), read: readCheckpoint };
}

function torchscript(): Reader {
  const names = ['torchscript-traced', 'torchscript-new-first', 'torchscript-scripted'];
  const makers = names.map((name) => scriptMaker(readBytes(`${FIXTURES}import/${name}.pth`)));
  return { make: oneOf('model.pt', makers, (random) => random.pick(makers)(random)), read: readCheckpoint };
}

function onnx(): Reader {
  const small = [
    ...['onnx/converted', 'onnx/caffe2-opset9', 'onnx/torchvision-fp16', 'onnx/torchvision-folded', 'onnx/pool-first'],
    ...['onnx/torchvision-dynamo', 'import/two-layer-head', 'import/gelu-opset14', 'import/gelu-opset18'],
    ...['import/normalised', 'import/gray-repeated', 'import/channels-last', 'import/no-head'],
  ];
  const makers = small.map((name) => protobufMaker(readBytes(`${FIXTURES}${name}.onnx`)));
  return {
    make: oneOf('model.onnx', makers, protobufMaker(readBytes(`${FIXTURES}onnx/plain-opset7.onnx`))),
    read: readCheckpoint,
    // A graph may say that weights are one value repeated (ConstantOfShape), of which 2^26 are made at most.
    allowance: 2 ** 28,
  };
}

const KERAS = `${FIXTURES}keras/`;

function kerasH5(): Reader {
  const large = hdf5Maker(readBytes(`${KERAS}keras2.h5`));
  return {
    make: oneOf('model.h5', [hdf5Maker(readBytes(`${KERAS}keras-cifar.h5`)), large], large),
    read: readCheckpoint,
  };
}

/** A zip archive of a JSON document and an HDF5 file. */
function kerasArchive(): Reader {
  const names = ['keras/keras-new-first', 'keras/keras3', 'import/keras-two-dense', 'import/keras-normalised'];
  const makers = names.map((name): Maker => {
    const file = readBytes(`${FIXTURES}${name}.keras`);
    const members = openArchive(file);
    const { 'config.json': config = new Uint8Array(0), 'model.weights.h5': weights = new Uint8Array(0) } = members;
    const [tree, makeWeights] = [toTree(JSON.parse(new TextDecoder().decode(config))), hdf5Maker(weights)];
    return (random) => {
      switch (random.below(8)) {
        case 0:
          return mutateBytes(file, random);
        case 1:
          return writeArchive(mutateMembers(members, random), random);
        case 2:
          return lieInRecords(file, random);
        case 3:
        case 4:
          return writeArchive({ ...members, 'model.weights.h5': makeWeights(random) }, random);
        default:
          return writeArchive({ ...members, 'config.json': mutateDocument(tree, random) }, random);
      }
    };
  });
  return { make: oneOf('model.keras', makers, (random) => random.pick(makers)(random)), read: readCheckpoint };
}

/** model.json and the files that it names. */
function tfjs(): Reader {
  const models = ['tfjs', 'tfjs-quantised'].map((name) => {
    const folder = `${KERAS}${name}/`;
    const files = readdirSync(folder).sort().reverse();
    const input = new Map(files.map((file) => [file, readBytes(folder + file)]));
    return { input, tree: toTree(JSON.parse(new TextDecoder().decode(input.get('model.json')))) };
  });
  return {
    make: (random) => {
      const { input, tree } = random.pick(models);
      const files = [...input].map(([name, bytes]): [string, Uint8Array] => [
        name,
        name !== 'model.json' && random.once(10) ? mutateBytes(bytes, random) : bytes,
      ]);
      const document = random.once(8) ? mutateBytes(first(input)[1], random) : mutateDocument(tree, random);
      return new Map(files).set('model.json', document);
    },
    read: readCheckpoint,
  };
}

function mutateDocument(tree: Json, random: Random): Uint8Array {
  let changed = copyTree(tree);
  for (let changes = 1 + random.below(4); changes > 0; changes--) changed = mutateTree(changed, random);
  return new TextEncoder().encode(writeJson(changed));
}

/** The way of the importers. */
async function readCheckpoint(input: Input): Promise<() => void> {
  const [name, bytes] = first(input);
  const readSibling = async (path: string) => {
    const file = input.get(path);
    if (file) return file;
    throw new ModelFormatError(`there is no file ${path}`, { format: 'file' });
  };
  const { tensors, metadata: found } = await importCheckpoint(bytes, name, { readSibling });
  checkTensors(tensors);
  return () => useModel(tensors, found);
}
