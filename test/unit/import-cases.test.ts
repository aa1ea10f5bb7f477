/** Networks that differ from a plain DenseNet in one thing each (make_import.py) → the logits that their framework computed. */
import { describe, expect, it } from 'vitest';
import { type ImportOptions, importCheckpoint } from '../../src/import/checkpoint.js';
import type { DenseNetConfig, HeadActivation } from '../../src/model/config.js';
import type { ModelMetadata } from '../../src/model/model.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import { type Tensor, toFloat32 } from '../../src/tensor/tensor.js';
import { readModel, writeModel } from '../../src/weights/model-file.js';
import { forward } from '../reference/cpu-densenet.js';
import { FIXTURES, readBytes, relativeError } from '../reference/fixtures.js';

const FOLDER = `${FIXTURES}import/`;
const REFERENCES = readSafetensors(readBytes(`${FOLDER}references.safetensors`)).tensors;

interface Case {
  readonly file: string;
  /** Of `references.safetensors`; default the file's name. */
  readonly reference?: string;
  readonly options?: ImportOptions;
  readonly config?: Partial<DenseNetConfig>;
  readonly metadata?: ModelMetadata;
  readonly scheme?: string;
  /** What the notes say. */
  readonly note?: RegExp;
}

const SIGMOID = { activation: 'sigmoid', activationOrigin: 'file' } as const;
const NEW_FIRST = { concat: 'new-first', finalRelu: false } as const;
const HEADLESS = { activation: 'none', activationOrigin: 'file' } as const;
const ASSUMED = { activation: 'softmax', activationOrigin: 'assumed' } as const;
const HIDDEN = (width: number, activation: HeadActivation) => ({ width, activation });

const CASES: Readonly<Record<string, readonly Case[]>> = {
  'the activation of the last layer': [
    { file: 'sigmoid-module.pth', metadata: SIGMOID },
    { file: 'sigmoid-state.pth', metadata: ASSUMED, note: /softmax over 3 classes \(--activation sigmoid\)/ },
    {
      file: 'sigmoid-state.pth',
      options: { activation: 'sigmoid' },
      metadata: { activation: 'sigmoid', activationOrigin: 'option' },
    },
    { file: 'one-class.pth', metadata: { activation: 'sigmoid', activationOrigin: 'assumed' } },
    { file: 'keras-rescaling.keras', metadata: SIGMOID },
    {
      file: 'two-layer-head.onnx',
      reference: 'onnx-two-layer-head',
      metadata: { activation: 'softmax', activationOrigin: 'file' },
    },
  ],
  'what whole modules say of themselves': [
    { file: 'stem3-pool-module.pth', config: { stem: 'cifar', stemPool: true }, scheme: 'torchvision' },
    { file: 'stem3-stride2-module.pth', config: { stem: 'imagenet', stemPool: false } },
    { file: 'stem7-stride1-module.pth', config: { stem: 'imagenet', stemPool: false, stemStride: 1 } },
    { file: 'no-final-relu-module.pth', config: { finalRelu: false } },
    { file: 'epsilon-module.pth', config: { bnEpsilon: 1e-3 } },
  ],
  'what weights alone do not show, said by an option': [
    { file: 'stem3-pool-state.pth', options: { stemPool: true }, config: { stemPool: true } },
    { file: 'no-final-relu-state.pth', options: { finalRelu: false }, config: { finalRelu: false } },
    { file: 'max-pool-state.pth', options: { ...NEW_FIRST, pooling: 'max' }, config: { pooling: 'max' } },
    { file: 'new-first-two-layer-head.pth', options: NEW_FIRST, config: { hidden: [HIDDEN(8, 'relu')] } },
    {
      file: 'new-first-both-pools.pth',
      options: NEW_FIRST,
      config: { pooling: 'both' },
      note: /maxima, then averages, fastai's order/,
    },
  ],
  'heads of several layers': [
    {
      file: 'two-layer-head.pth',
      config: { hidden: [HIDDEN(5, 'relu')] },
      note: /ReLU between the layers of the head/,
    },
    { file: 'two-layer-head-same-width.pth', config: { hidden: [HIDDEN(5, 'relu')] } },
    { file: 'tanh-head-module.pth', config: { hidden: [HIDDEN(5, 'tanh')] } },
    {
      file: 'gelu-elu-head-module.pth',
      config: { hidden: [HIDDEN(5, 'gelu'), HIDDEN(4, 'elu'), HIDDEN(4, 'leaky-relu')] },
    },
    { file: 'gelu-tanh-head-module.pth', config: { hidden: [HIDDEN(5, 'gelu-tanh')] } },
    ...['gelu-opset14', 'gelu-opset18', 'gelu-opset20'].map((name) => ({
      ...{ file: `${name}.onnx`, reference: `onnx-${name}` },
      config: { hidden: [HIDDEN(5, 'gelu'), HIDDEN(4, 'gelu-tanh')] },
    })),
    // A layer of twice the width with ReLUs is the same as a leaky ReLU of another slope.
    { file: 'leaky-head-module.pth', config: { hidden: [HIDDEN(10, 'relu'), HIDDEN(8, 'relu')] } },
    { file: 'leaky-head.onnx', reference: 'onnx-leaky-head', config: { hidden: [HIDDEN(10, 'relu')] } },
    { file: 'fastai-opset13.onnx', reference: 'onnx-fastai-opset13', config: { pooling: 'both' } },
    { file: 'norm-head.pth', note: /The head's layers, in order: classifier\.0, classifier\.2/ },
    { file: 'fc-behind-classifier.pth', note: /densenet121\.classifier, fc/ },
    { file: 'fastai-state.pth', config: { pooling: 'both', hidden: [HIDDEN(6, 'relu')] } },
    { file: 'fastai-module.pth', config: { pooling: 'both', hidden: [HIDDEN(6, 'relu')] } },
    { file: 'keras-two-dense.keras', config: { hidden: [HIDDEN(5, 'relu')] } },
    { file: 'keras-norm-head.keras' },
    { file: 'keras-flatten.keras' },
    { file: 'head-of-any-name.pth' },
  ],
  'networks without a classifier': [
    {
      file: 'no-head-state.pth',
      config: { classes: 0 },
      metadata: HEADLESS,
      note: /The file has no classifier: embed/,
    },
    { file: 'no-head-module.pth', config: { classes: 0 }, metadata: HEADLESS, note: /no classifier/ },
    { file: 'no-head.onnx', reference: 'onnx-no-head', config: { classes: 0 }, metadata: HEADLESS },
  ],
  'state dicts with more or less in them': [
    { file: 'lightning.pth', note: /Not part of the network, ignored: criterion\.pos_weight/ },
    { file: 'pruned.pth', note: /2 pruned weights/ },
  ],
  'names of no known scheme': [
    { file: 'names-block.pth', scheme: 'by order and shape', note: /matched by shape and order: blocks of 2-2/ },
    { file: 'names-layers-late.pth', scheme: 'by order and shape' },
    { file: 'names-dense-layers.pth', scheme: 'by order and shape' },
  ],
  TorchScript: [
    { file: 'torchscript-traced.pth', config: { hidden: [HIDDEN(5, 'relu')] }, metadata: SIGMOID },
    { file: 'torchscript-new-first.pth', config: { finalRelu: false }, metadata: { concat: 'new-first' } },
    { file: 'torchscript-scripted.pth', config: { stemPool: true } },
  ],
  'what the network does to its input': [
    { file: 'gray-repeated.onnx', reference: 'onnx-gray-repeated', config: { inChannels: 1 } },
    { file: 'keras-gray-repeated.keras', config: { inChannels: 1 } },
    { file: 'normalised.onnx', reference: 'onnx-normalised' },
    { file: 'keras-normalised.keras' },
    { file: 'keras-rescaling.keras' },
  ],
  ONNX: [
    { file: 'no-final-relu.onnx', reference: 'onnx-no-final-relu', config: { finalRelu: false } },
    { file: 'channels-last.onnx', reference: 'onnx-channels-last' },
  ],
};

const referenceOf = (name: string): Tensor => {
  const tensor = REFERENCES.get(name);
  if (!tensor) throw new Error(`references.safetensors has no ${name}`);
  return tensor;
};

/** The reference's input as the imported network takes it. */
function inputFor(tensor: Tensor, { sourceInput }: ModelMetadata): Float64Array {
  const [, channels = 1, height = 1, width = 1] = tensor.shape;
  const at = (list: readonly number[], c: number) => list[list.length === 1 ? 0 : c] ?? Number.NaN;
  return Float64Array.from(toFloat32(tensor), (value, i) => {
    const c = Math.floor(i / (height * width)) % channels;
    return sourceInput ? at(sourceInput.scale, c) * value + at(sourceInput.shift, c) : value;
  });
}

for (const [what, cases] of Object.entries(CASES)) {
  describe(what, () => {
    for (const { file, reference, options, config, metadata, scheme, note } of cases) {
      it(`${file}${options ? ` with ${JSON.stringify(options)}` : ''}`, async () => {
        const imported = await importCheckpoint(readBytes(FOLDER + file), file, options);
        const { folded, metadata: kept } = readModel(writeModel(imported.tensors, imported.metadata));
        expect(kept).toEqual(imported.metadata);
        expect(folded.config).toMatchObject(config ?? {});
        expect(kept).toMatchObject(metadata ?? {});
        if (scheme) expect(imported.source.scheme).toBe(scheme);
        if (note) expect(imported.notes.join(' ')).toMatch(note);
        const name = reference ?? file.replace(/\.\w+$/, '');
        const input = referenceOf(`${name}.input`);
        const [n = 0, c = 0, h = 0, w = 0] = input.shape;
        const taps = forward(folded, inputFor(input, kept), [n, c, h, w]);
        // Without a classifier the source's output is the pooled vector.
        const found = taps.get(folded.config.classes > 0 ? 'logits' : 'pooled')?.values ?? [];
        expect(relativeError(found, toFloat32(referenceOf(`${name}.logits`)))).toBeLessThan(1e-5);
      });
    }
  });
}

async function refusal(file: string, options: ImportOptions = {}): Promise<string> {
  const outcome = await importCheckpoint(readBytes(FOLDER + file), file, options).catch((error: unknown) => error);
  return outcome instanceof Error ? `${outcome.name}: ${outcome.message}` : 'it was imported';
}

describe('what cannot be run is refused by the name of the layer', () => {
  it('leaky ReLUs in the body', async () => {
    expect(await refusal('leaky-module.pth')).toMatch(
      /^ModelShapeError: .* module features\.relu0 \(LeakyReLU\) does not fit: .* found LeakyRelu; a DenseNet's body has ReLUs/,
    );
  });

  it('group norms', async () => {
    expect(await refusal('group-norm.pth')).toMatch(/It holds no running statistics: its norms are not batch norms/);
  });

  it('a convolution in front of the network', async () => {
    expect(await refusal('keras-adapter.keras')).toMatch(
      /layer "zero_padding2d\w*" .*: a convolution stands in front of the network's own stem/,
    );
  });
});
