/** Keras and TensorFlow.js models that this runtime would compute wrongly: refused, naming the layer and the reason. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unzipSync, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { isDenseNetError } from '../../src/core/errors.js';
import { type ImportOptions, importCheckpoint } from '../../src/import/checkpoint.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';

const FOLDER = `${FIXTURES}keras/`;

async function failure(bytes: Uint8Array, options: ImportOptions = {}): Promise<string> {
  try {
    await importCheckpoint(bytes, 'model', options);
  } catch (error) {
    if (isDenseNetError(error)) return `${error.name}: ${error.message}`;
    throw error;
  }
  throw new Error('it was accepted');
}

/** A layer as config.json has it; what these tests change in one. */
interface LayerEntry {
  class_name: string;
  name: string;
  config: Record<string, unknown>;
  inbound_nodes: unknown[];
}

const archive = (name = 'keras3.keras') => unzipSync(readBytes(FOLDER + name));

/** keras3.keras with another config. */
function edited(change: (layers: LayerEntry[]) => void): Uint8Array {
  const files = archive();
  const config = JSON.parse(new TextDecoder().decode(files['config.json']));
  change(config.config.layers);
  return zipSync({ ...files, 'config.json': new TextEncoder().encode(JSON.stringify(config)) }, { level: 0 });
}

function layer(layers: readonly LayerEntry[], name: string): LayerEntry {
  const found = layers.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`there is no layer ${name}`);
  return found;
}

/** Changes one layer's class or options. */
const altered = (name: string, options: Record<string, unknown>, kind?: string) =>
  edited((layers) => {
    const found = layer(layers, name);
    if (kind !== undefined) found.class_name = kind;
    Object.assign(found.config, options);
  });

/** The inputs of a layer of Keras 3. */
const refersTo = (name: string) => [
  { args: [{ class_name: '__keras_tensor__', config: { keras_history: [name, 0, 0] } }], kwargs: {} },
];

describe('a layer that does something else than a DenseNet’s', () => {
  it.each<[name: string, options: Record<string, unknown>, kind: string | undefined, message: RegExp]>([
    [
      'pool2_pool',
      {},
      'UpSampling2D',
      /"pool2_pool" \(UpSampling2D\) does not fit: .*; UpSampling2D is no operator of/,
    ],
    ['conv2_block1_2_conv', { dilation_rate: [2, 2] }, undefined, /its window is dilated/],
    ['conv2_block1_2_conv', { strides: [2, 2] }, undefined, /found a convolution of 3×3, stride 2/],
    ['conv2_block1_2_conv', { groups: 4 }, undefined, /it is a grouped convolution \(4 groups\)/],
    ['conv2_block1_2_conv', { padding: 'valid' }, undefined, /found a convolution of 3×3, stride 1, padding 0/],
    [
      'conv2_block1_2_conv',
      { activation: 'relu' },
      undefined,
      /"conv2_block1_2_conv" \(Conv2D\) does not fit: expected a batch norm over all features/,
    ],
    [
      'conv1_conv',
      { padding: 'same' },
      undefined,
      /SAME with a stride pads even sizes by one pixel less in front, so that its windows lie one/,
    ],
    ['pool1', { padding: 'same' }, undefined, /SAME with a stride/],
    ['pool1', { pool_size: [2, 2] }, undefined, /expected the stem's max pool \(3×3, stride 2, padding 1\), found 2×2/],
    [
      'zero_padding2d',
      {
        padding: [
          [2, 3],
          [2, 3],
        ],
      },
      undefined,
      /"conv1_conv" .* found 7×7, stride 2, padding \[2,2,3,3\]/,
    ],
    ['pool2_pool', { pool_size: [3, 3] }, undefined, /expected the average pool of a transition .* found 3×3/],
    ['pool2_pool', {}, 'MaxPooling2D', /"pool2_pool" \(MaxPooling2D\) does not fit: .* or average pooling of 2×2/],
    ['conv2_block1_0_bn', { axis: 1 }, undefined, /it works along another axis than the channels/],
    [
      'conv2_block1_0_relu',
      { activation: 'gelu' },
      undefined,
      /"conv2_block1_0_relu" .* found Gelu; a DenseNet's body has ReLUs/,
    ],
    ['conv2_block1_0_relu', { max_value: 6 }, 'ReLU', /a ReLU with a max_value is no operator/],
    [
      'predictions',
      { activation: 'tanh' },
      undefined,
      /its last layer ends with tanh; expected logits, Softmax or Sigmoid/,
    ],
  ])('%s %j %s', async (name, options, kind, message) => {
    const found = await failure(altered(name, options, kind));
    expect(found).toMatch(/^ModelShapeError: not a DenseNet that can be run here: /);
    expect(found).toMatch(message);
  });

  it('but channels first in every layer is the same network: kernels lie alike', async () => {
    const bytes = edited((layers) => {
      for (const { config } of layers) {
        if ('data_format' in config) config.data_format = 'channels_first';
        if ('axis' in config) config.axis = 1;
        if (Array.isArray(config.batch_shape)) config.batch_shape = [null, 3, 32, 48];
      }
    });
    const { tensors } = await importCheckpoint(bytes, 'first.keras');
    expect(tensors).toEqual((await importCheckpoint(readBytes(`${FOLDER}keras3.keras`), 'last.keras')).tensors);
  });

  it.each(['Rescaling', 'Lambda', 'TFOpLambda', 'TrueDivide'])(
    'preprocessing inside the network (%s) that its config does not say in numbers',
    async (kind) => {
      const bytes = edited((layers) => {
        const [image] = layers;
        const name = String(image?.name);
        layers.splice(1, 0, {
          class_name: kind,
          name: 'step',
          config: { name: 'step' },
          inbound_nodes: refersTo(name),
        });
        const padding = layer(layers, 'zero_padding2d');
        padding.inbound_nodes = refersTo('step');
      });
      expect(await failure(bytes)).toMatch(
        new RegExp(`layer "step" \\(${kind}\\) does not fit: .*; ${kind} is no operator of a DenseNet`),
      );
    },
  );

  it('a maximum pool that is missing, or is too many', async () => {
    const without = edited((layers) => {
      for (const name of ['zero_padding2d_1', 'pool1']) layer(layers, name).class_name = 'Dropout';
    });
    expect((await importCheckpoint(without, 'without.keras')).config).toMatchObject({
      stem: 'imagenet',
      stemPool: false,
    });
    const more = edited((layers) => {
      const pool = structuredClone(layer(layers, 'pool1'));
      layers.splice(7, 0, { ...pool, name: 'again', config: { ...pool.config, name: 'again' } });
    });
    expect((await importCheckpoint(more, 'dead-end.keras')).config.stemPool).toBeUndefined();
  });

  it('features joined in one order here and another there', async () => {
    const bytes = edited((layers) => {
      const [node] = layer(layers, 'conv3_block1_concat').inbound_nodes;
      if (typeof node === 'object' && node !== null && 'args' in node && Array.isArray(node.args))
        node.args[0].reverse();
    });
    expect(await failure(bytes)).toMatch(
      /"conv3_block1_concat" .* expected old-first order as in the Concats before, found new-first/,
    );
  });
});

describe('a model that is no classifier of ours', () => {
  it('saved without its top has features only', async () => {
    const { config, notes } = await importCheckpoint(
      edited((layers) => layers.splice(-2, 2)),
      'model',
    );
    expect(config.classes).toBe(0);
    expect(notes.join(' ')).toMatch(/The file has no classifier: embed\(\) and taps\(\) give its features/);
    const said = edited((layers) => layers.splice(-2, 2));
    expect(await failure(said, { activation: 'sigmoid' })).toMatch(
      /^OptionError: activation is sigmoid, but the file has no classifier: leave it out/,
    );
  });

  it('with ten thousand idle layers and as many branches is told in no time', async () => {
    const config = (name: string) => ({ name, axis: -1 });
    const idle = Array.from({ length: 9000 }, (_, i) => ({
      ...{ class_name: 'Dropout', name: `d${i}`, config: config(`d${i}`) },
      inbound_nodes: [[[i === 0 ? 'conv1_conv' : `d${i - 1}`, 0, 0, {}]]],
    }));
    const inputs = Array.from({ length: 9000 }, () => ['d8999', 0, 0, {}]);
    const join = { class_name: 'Concatenate', name: 'join', config: config('join'), inbound_nodes: [inputs] };
    const bytes = edited((layers) => layers.splice(3, Number.POSITIVE_INFINITY, ...idle, join));
    expect(await failure(bytes)).toMatch(/layer "join" .* it joins 9000 feature maps, more than any dense block/);
  });

  it('of KerasHub, whose stem pads as "same", says what differs', async () => {
    const bytes = zipSync({ ...archive(), 'config.json': readBytes(`${FOLDER}kerashub-config.json`) });
    expect(await failure(bytes)).toMatch(/of this KerasHub model pads as "same".*use keras.applications/);
  });

  it('a subclass, whose layers are code', async () => {
    const config = new TextEncoder().encode(JSON.stringify({ class_name: 'MyNet', config: { width: 3 } }));
    expect(await failure(zipSync({ ...archive(), 'config.json': config }))).toMatch(
      /does not list the layers of a MyNet: build it from Keras' own layers, as a functional model/,
    );
  });

  const titu = fileURLToPath(
    new URL('../../../shared/weights/titu-fast-40-12/DenseNet-Fast-40-12-CIFAR10.h5', import.meta.url),
  );
  it.skipIf(!existsSync(titu))(
    'of Keras 1, a net without norms (../shared/weights; skipped where that folder is absent)',
    async () => {
      expect(await failure(readBytes(titu))).toMatch(
        /is of Keras 1, .*"batchnormalization_1_running_std".* 40 layers with kernels have 3 batch norms/,
      );
    },
  );
});

describe('an archive that is not what it says', () => {
  it('lacks a part, or is cut', async () => {
    const { 'config.json': config = new Uint8Array(), 'metadata.json': about = new Uint8Array() } = archive();
    const partial = zipSync({ 'metadata.json': about, 'config.json': config });
    expect(await failure(partial)).toMatch(/bad Keras file: it lacks model.weights.h5; it holds metadata.json, config/);
    const whole = readBytes(`${FOLDER}keras3.keras`);
    expect(await failure(whole.slice(0, whole.length >> 1))).toMatch(/bad Keras file: the archive is damaged or trunc/);
    const garbage = { ...archive(), 'model.weights.h5': new Uint8Array(100) };
    expect(await failure(zipSync(garbage))).toMatch(/bad HDF5 file: it does not begin as one/);
  });

  it('would expand a thousandfold', async () => {
    const bomb = zipSync({ ...archive(), 'model.weights.h5': new Uint8Array(50_000_000) }, { level: 9 });
    expect(await failure(bomb)).toMatch(/bad Keras file: it would expand to over 5\d{7} bytes/);
  });

  it('has a config that is no config, or of a net other than its weights’', async () => {
    const withConfig = (text: string) => zipSync({ ...archive(), 'config.json': new TextEncoder().encode(text) });
    expect(await failure(withConfig('{'))).toMatch(/bad Keras file: its config is not JSON/);
    expect(await failure(withConfig('[1]'))).toMatch(/its config is not of the form that Keras writes/);
    expect(await failure(edited((layers) => layers.push(layer(layers, 'bn'))))).toMatch(/two layers are called "bn"/);
    const { 'model.weights.h5': other = new Uint8Array() } = archive('keras-new-first.keras');
    expect(await failure(zipSync({ ...archive(), 'model.weights.h5': other }))).toMatch(
      /the weights at layers\/conv2d are of "conv2d\w*", where the config has "conv1_conv"/,
    );
  });
});

describe('a TensorFlow.js model', () => {
  const path = join(FOLDER, 'tfjs/model.json');
  const beside = async (file: string) => readBytes(join(dirname(path), file));
  const model = () => JSON.parse(readFileSync(path, 'utf8'));
  const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

  it('without its shards names them', async () => {
    expect(await failure(bytesOf(model()))).toMatch(
      /its weights are in group1-shard1of3.bin, .*: hand these files over together with it/,
    );
  });

  it('whose shards are cut or of another model says how much is missing', async () => {
    const cut = async (file: string) => (await beside(file)).subarray(0, 100);
    expect(await failure(bytesOf(model()), { readSibling: cut })).toMatch(
      /have 300 bytes, but the tensors listed take 81708/,
    );
  });

  it.each([
    '../secret.bin',
    '/etc/passwd',
    'https://elsewhere.example/a.bin',
    'a/../../b',
    'C:\\a.bin',
    '//host/a',
    '\t//host/a',
    ' //host/a',
    'a/\t../b',
    '%2e%2e/a',
  ])('reads nothing from elsewhere: %s', async (shard) => {
    const other = model();
    other.weightsManifest[0].paths[1] = shard;
    const asked: string[] = [];
    const spy = async (file: string) => {
      asked.push(file);
      return beside(file);
    };
    expect(await failure(bytesOf(other), { readSibling: spy })).toMatch(
      /paths\[1\] must be the name of a file beside model/,
    );
    expect(asked).toEqual([]);
  });

  it('that is a graph without layers, or of no float weights', async () => {
    expect(await failure(bytesOf({ ...model(), format: 'graph-model' }), { beside })).toMatch(/it is a graph model/);
    const whole = model();
    whole.weightsManifest[0].weights[3].dtype = 'int32';
    expect(await failure(bytesOf(whole), { beside })).toMatch(
      /"bn\/moving_variance" is of type int32, but weights are/,
    );
    const strange = model();
    strange.weightsManifest[0].weights[0].quantization = { dtype: 'int4' };
    expect(await failure(bytesOf(strange), { beside })).toMatch(
      /quantization.dtype must be one of uint8, uint16, float16/,
    );
  });

  it('that is cut, or huge by its own word', async () => {
    expect(await failure(readBytes(path).slice(0, 5000), { beside })).toMatch(/model.json is not JSON, or cut/);
    const huge = model();
    huge.weightsManifest[0].weights[0].shape = [2 ** 40];
    expect(await failure(bytesOf(huge), { beside })).toMatch(/have 81708 bytes, but the tensors listed take 439\d{10}/);
    huge.weightsManifest[0].weights[0].shape = [2 ** 30, 2 ** 30, 0, 5];
    expect(await failure(bytesOf(huge), { beside })).toMatch(/have 81708 bytes, but the tensors listed take 81644/);
    const flat = model();
    const [kernel] = flat.weightsManifest[0].weights.filter(
      ({ name }: { name: string }) => name === 'conv1/conv/kernel',
    );
    flat.weightsManifest[0].weights.splice(0, Number.POSITIVE_INFINITY, { ...kernel, shape: [2 ** 30, 2 ** 30, 0, 5] });
    const empty = async () => new Uint8Array();
    expect(await failure(bytesOf(flat), { readSibling: empty })).toMatch(
      /nothing before it makes its input "predictions\/kernel"/,
    );
    expect(await failure(bytesOf({ weightsManifest: [] }), { beside })).toMatch(/modelTopology is not an object/);
    expect(await failure(bytesOf({ metadata: {}, weight_map: {} }))).toMatch(
      /it is JSON, but no TensorFlow.js model.json/,
    );
  });
});
