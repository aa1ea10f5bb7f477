/** `DenseNet.load('hf:OWNER/NAME')` against a server that answers as the Hub does: weights, settings, refusals. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { AbortedError, DownloadError, ModelFormatError } from '../../src/core/errors.js';
import { DenseNet } from '../../src/densenet.js';
import { fromTimmConfig } from '../../src/preprocess/hub-config.js';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors.js';
import { hasDriver } from '../kernels/dawn.js';
import { type HubServer, startHub } from '../reference/hub-server.js';
import { failure, picture, SMALL, SMALL_MODEL } from './models.js';

const CLASSES = SMALL.classes;
const LABELS = Array.from({ length: CLASSES }, (_, i) => `class of ${i}`);
const PRETRAINED = {
  input_size: [3, 16, 16],
  crop_pct: 0.875,
  interpolation: 'bicubic',
  mean: [0.4, 0.5, 0.6],
  std: [1, 2, 3],
};
const TIMM = {
  architecture: 'densenet121',
  num_classes: CLASSES,
  global_pool: 'avg',
  label_names: LABELS,
  pretrained_cfg: PRETRAINED,
};
const PROCESSOR = { size: { height: 12, width: 12 }, resample: 2, image_mean: [0, 0, 0], image_std: [1, 1, 1] };
const TRANSFORMERS = {
  id2label: Object.fromEntries(LABELS.map((label, i) => [i, label])),
  problem_type: 'multi_label_classification',
};

describe.skipIf(!hasDriver('lavapipe'))('a model of the Hub', () => {
  let hub: HubServer;
  let weights: Uint8Array;
  const load = async (id: string, options = {}) =>
    DenseNet.load(id, { gpu: await dawnGpu('lavapipe'), hub: hub.origin, ...options });

  beforeAll(async () => {
    // As others publish: tensors without our metadata.
    weights = writeSafetensors([...readSafetensors(SMALL_MODEL).tensors.values()]);
    const files = (config: unknown, more: Record<string, Uint8Array | string> = {}) => ({
      revisions: { main: { 'model.safetensors': weights, 'config.json': JSON.stringify(config), ...more } },
    });
    const processor = { 'preprocessor_config.json': JSON.stringify(PROCESSOR) };
    hub = await startHub({
      'timm/small': {
        revisions: {
          ...files(TIMM).revisions,
          'refs/pr/1': { 'model.safetensors': weights, 'config.json': JSON.stringify({ ...TIMM, label_names: null }) },
        },
      },
      'some/transformers': files(TRANSFORMERS, processor),
      'ours/complete': { revisions: { main: { 'model.safetensors': SMALL_MODEL } } },
      'some/gated': { revisions: {}, gated: true },
      'some/pickle': { revisions: { main: { 'config.json': JSON.stringify(TIMM), 'pytorch_model.bin': 'x' } } },
      'some/resnet': files({ ...TIMM, architecture: 'resnet50' }),
      'some/bordered': files({ ...TIMM, pretrained_cfg: { ...PRETRAINED, crop_mode: 'border' } }),
      'some/padding': files(TRANSFORMERS, {
        'preprocessor_config.json': JSON.stringify({ ...PROCESSOR, do_pad: true }),
      }),
      'some/max-pool': files({ ...TIMM, global_pool: 'max' }),
      'some/silu': files({ ...TIMM, model_args: { act_layer: 'silu' } }),
      'some/torn': files(TIMM, { 'config.json': '{"architecture":' }),
      'some/mislabelled': files({ ...TIMM, label_names: ['one'] }),
    });
  });
  afterAll(() => hub?.close());

  it('of timm comes with labels, preprocessing and input size', async () => {
    const net = await load('hf:timm/small');
    expect([net.labels, net.inputSize, net.metadata.name]).toEqual([LABELS, [16, 16], 'timm/small']);
    expect(net.metadata.preprocess).toEqual(fromTimmConfig(TIMM));
    const own = await DenseNet.load(weights, { gpu: await dawnGpu('lavapipe'), preprocess: fromTimmConfig(TIMM) });
    const found = await net.classify(picture(1), { topK: CLASSES });
    const expected = await own.classify(picture(1), { topK: CLASSES });
    expect(found.map(({ label }) => label)).toEqual(expected.map(({ index }) => LABELS[index]));
    expect(found.map(({ probability }) => probability)).toEqual(expected.map(({ probability }) => probability));
    for (const each of [net, own]) each.dispose();
  });

  it('of transformers is preprocessed as its preprocessor_config.json says', async () => {
    const net = await load('hf:some/transformers');
    expect([net.labels, net.inputSize, net.metadata.activation]).toEqual([LABELS, [12, 12], 'sigmoid']);
    net.dispose();
  });

  it('that is a model file of this package needs no other file', async () => {
    const net = await load('hf:ours/complete', { inputSize: [8, 8] });
    expect(net.metadata.name).toBe('random weights, seed 1');
    net.dispose();
  });

  it('is loaded from the requested revision', async () => {
    hub.requests.length = 0;
    const net = await load('hf:timm/small@refs/pr/1');
    expect(net.labels).toBeNull();
    expect(hub.requests.every((request) => request.includes('/timm/small/resolve/refs%2Fpr%2F1/'))).toBe(true);
    net.dispose();
  });

  it('reports progress of the download of the weights only', async () => {
    const phases: [string, number, number][] = [];
    const net = await load('hf:timm/small', {
      onProgress: ({ phase, loaded, total }: { phase: string; loaded: number; total: number }) =>
        phases.push([phase, loaded, total]),
    });
    const downloads = phases.filter(([phase]) => phase === 'download');
    expect(downloads.at(-1)).toEqual(['download', weights.length, weights.length]);
    net.dispose();
  });

  it('lets `preprocess` override the settings of the repository', async () => {
    const net = await load('hf:some/bordered', { preprocess: fromTimmConfig(TIMM) });
    expect(net.inputSize).toEqual([16, 16]);
    net.dispose();
  });

  it.each([
    ['hf:small', 'ModelFormatError: hf:small is no id of the Hub: write hf:OWNER/NAME or hf:OWNER/NAME@REVISION'],
    [
      'hf:nobody/nothing',
      'DownloadError: hf:nobody/nothing: there is no such repository, or it is private: check the name',
    ],
    ['hf:timm/small@v9', 'DownloadError: hf:timm/small@v9: the repository has no revision "v9"'],
    [
      'hf:some/gated',
      'DownloadError: hf:some/gated: the repository is gated: accept its terms, download model.safetensors and load that file',
    ],
    [
      'hf:some/pickle',
      'DownloadError: hf:some/pickle: the repository has no model.safetensors: import its checkpoint with the command line',
    ],
    ['hf:some/resnet', 'ModelFormatError: hf:some/resnet: a resnet50 is no DenseNet, and only those run here'],
    [
      'hf:some/bordered',
      'ModelFormatError: hf:some/bordered: config.pretrained_cfg.crop_mode must be one of center, squash',
    ],
    [
      'hf:some/padding',
      'ModelFormatError: hf:some/padding: config.do_pad must be absent, null or false: it is not known here',
    ],
    ['hf:some/max-pool', 'ModelFormatError: hf:some/max-pool: config.global_pool must be one of avg, fast'],
    ['hf:some/silu', 'ModelFormatError: hf:some/silu: config.model_args.act_layer must be one of relu'],
    ['hf:some/torn', /^ModelFormatError: hf:some\/torn: http\S+config\.json is no JSON$/],
    ['hf:some/mislabelled', `ModelFormatError: bad model metadata: 1 labels for a network of ${CLASSES} classes`],
  ])('is refused with the reason: %s', async (id, message) => {
    const outcome = await failure(load(id));
    if (typeof message === 'string') expect(outcome).toBe(message);
    else expect(outcome).toMatch(message);
  });

  it('throws the error classes that the package exports', async () => {
    await expect(load('hf:some/gated')).rejects.toBeInstanceOf(DownloadError);
    await expect(load('hf:some/gated')).rejects.toMatchObject({ status: 401, url: 'hf:some/gated' });
    await expect(load('hf:some/resnet')).rejects.toBeInstanceOf(ModelFormatError);
  });

  it('says that the endpoint cannot be reached', async () => {
    const gone = await startHub({});
    await gone.close();
    expect(await failure(load('hf:timm/small', { hub: gone.origin }))).toBe(
      `DownloadError: hf:timm/small: ${gone.origin}/timm/small/resolve/main/ could not be reached (offline, blocked, or no CORS headers)`,
    );
  });

  it('is aborted by the signal, before the Hub answers and during the download', async () => {
    const early = new AbortController();
    const asked = load('hf:timm/small', { signal: early.signal });
    early.abort();
    await expect(asked).rejects.toBeInstanceOf(AbortedError);
    const late = new AbortController();
    const onProgress = ({ phase }: { phase: string }) => phase === 'download' && late.abort();
    await expect(load('hf:timm/small', { signal: late.signal, onProgress })).rejects.toBeInstanceOf(AbortedError);
  });
});
