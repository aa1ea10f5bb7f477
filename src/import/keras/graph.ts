/**
 * A Keras network as the recogniser reads it: each layer of the config becomes the operators that it computes, in the
 * layout of the rest (NCHW, kernels OIHW). A layer that is not known keeps its class as its operator, and is refused by
 * its name where the network needs it.
 */
import { floatTensor } from '../../tensor/tensor.js';
import type { Constant } from '../graph/constant.js';
import { LayerNode, type NetworkGraph, type Node } from '../graph/node.js';
import { activationName, numberOf, numbersIn, numbersOf, pairOf, textOf } from './config.js';
import type { Layer } from './network.js';
import { type ImageStep, imageSteps } from './preprocessing.js';
import type { StoredLayer } from './stored.js';
import { layerTensors } from './tensors.js';

/** Identities at inference: regularisation and augmentation. */
const NO_OPS: ReadonlySet<string> = new Set([
  ...['InputLayer', 'Dropout', 'SpatialDropout2D', 'GaussianDropout', 'AlphaDropout', 'GaussianNoise'],
  ...['ActivityRegularization', 'RandomFlip', 'RandomRotation', 'RandomZoom', 'RandomTranslation'],
  ...['RandomContrast', 'RandomBrightness'],
]);

/** Operators of activations, by Keras' names. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  linear: 'Identity',
  relu: 'Relu',
  softmax: 'Softmax',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  gelu: 'Gelu',
  elu: 'Elu',
  leaky_relu: 'LeakyRelu',
};

/**
 * @param layers in the order of the computation
 * @param stored their weights
 * @throws ModelFormatError for a layer whose weights are not those of its class
 */
export function graphOfLayers(layers: readonly Layer[], stored: readonly StoredLayer[]): NetworkGraph {
  const constants = new Map<string, Constant>();
  for (const layer of stored) {
    for (const tensor of layerTensors(layer)) constants.set(tensor.name, { kind: 'floats', tensor });
  }
  const builder = new Builder(layers, constants);
  return builder.build();
}

class Builder {
  readonly #nodes: Node[] = [];
  readonly #isChannelsFirst: boolean;

  constructor(
    private readonly layers: readonly Layer[],
    private readonly constants: Map<string, Constant>,
  ) {
    const stem = layers.find(({ kind }) => kind === 'Conv2D');
    this.#isChannelsFirst = stem !== undefined && textOf(stem, 'data_format', '') === 'channels_first';
  }

  build(): NetworkGraph {
    // Without an InputLayer (a Sequential of Keras 1.2) the first layer reads the image.
    const inputs = this.layers.filter(({ kind, inputs }) => kind === 'InputLayer' && inputs.length === 0);
    const image = inputs[0]?.name ?? IMAGE;
    for (const layer of this.layers) if (!inputs.includes(layer)) this.#layer(layer, image);
    return {
      inputs: inputs.length > 0 ? inputs.map((layer) => ({ name: layer.name, dims: this.#dims(layer) })) : [BARE_IMAGE],
      outputs: this.layers.slice(-1).map(({ name }) => name),
      nodes: this.#nodes,
      constant: (name) => this.constants.get(name) ?? null,
    };
  }

  #dims(layer: Layer): readonly (number | null)[] {
    const shape = layer.config.get('batch_shape') ?? layer.config.get('batch_input_shape');
    if (!Array.isArray(shape) || shape.length !== 4) return [];
    const [n, h, w, c] = shape.map((side: unknown) => (typeof side === 'number' ? side : null));
    return this.#isChannelsFirst
      ? [n ?? null, h ?? null, w ?? null, c ?? null]
      : [n ?? null, c ?? null, h ?? null, w ?? null];
  }

  /** The layer's own operation under its name, behind it its activation. */
  #layer(layer: Layer, image: string): void {
    const inputs = layer.inputs.length > 0 ? layer.inputs : [image];
    const hasActivation = layer.kind !== 'Activation' && activationName(layer) !== 'linear';
    const output = hasActivation ? `${layer.name}/linear` : layer.name;
    this.#operation(layer, inputs, output);
    if (hasActivation) this.#activation(layer, output, layer.name);
  }

  #activation(layer: Layer, input: string, output: string): void {
    const [op, attributes] = activationOperator(layer);
    this.#node(op, layer, [input], output, attributes);
  }

  #node(op: string, layer: Layer, inputs: readonly string[], output: string, attributes: Attributes = {}): void {
    this.#nodes.push(new LayerNode(op, inputs, output, attributes, `layer "${layer.name}" (${layer.kind})`));
  }

  #operation(layer: Layer, inputs: readonly string[], output: string): void {
    const steps = imageSteps(layer, this.constants);
    if (steps) this.#image(layer, steps, inputs, output);
    else {
      const { op, attributes = {}, weights = [] } = this.#operator(layer);
      this.#node(op, layer, [...inputs, ...weights], output, attributes);
    }
  }

  #operator(layer: Layer): Operator {
    const { name, kind } = layer;
    const kernel = () => [`${name}/kernel`, ...(this.constants.has(`${name}/bias`) ? [`${name}/bias`] : [])];
    if (NO_OPS.has(kind)) return { op: 'Identity' };
    switch (kind) {
      case 'Conv2D': {
        const more = { group: numberOf(layer, 'groups', 1), dilations: pairOf(layer, 'dilation_rate', 1) };
        const window = { strides: pairOf(layer, 'strides', 1), auto_pad: autoPad(layer) };
        return { op: 'Conv', attributes: { ...window, ...more }, weights: kernel() };
      }
      case 'Dense':
        return { op: 'Gemm', attributes: { transB: 1 }, weights: kernel() };
      case 'BatchNormalization':
        return {
          op: 'BatchNormalization',
          attributes: { axis: this.#channelAxis(layer), epsilon: Math.fround(numberOf(layer, 'epsilon', 1e-3)) },
          weights: ['gamma', 'beta', 'moving_mean', 'moving_variance'].map((variable) => `${name}/${variable}`),
        };
      case 'Activation':
        return { op: activationOperator(layer)[0], attributes: activationOperator(layer)[1] };
      case 'ReLU':
        return { op: reluOperator(layer) };
      case 'LeakyReLU':
        return {
          op: 'LeakyRelu',
          attributes: { alpha: numberOf(layer, 'negative_slope', numberOf(layer, 'alpha', 0.3)) },
        };
      case 'ELU':
        return { op: 'Elu', attributes: { alpha: numberOf(layer, 'alpha', 1) } };
      case 'Softmax':
        return { op: 'Softmax', attributes: { axis: -1 } };
      case 'ZeroPadding2D':
        return { op: 'Pad', attributes: { pads: padsOf(layer) } };
      case 'MaxPooling2D':
        return { op: 'MaxPool', attributes: poolWindow(layer) };
      case 'AveragePooling2D':
        return { op: 'AveragePool', attributes: poolWindow(layer) };
      case 'GlobalAveragePooling2D':
      case 'GlobalMaxPooling2D': {
        const keepdims = layer.config.get('keepdims') === true ? 1 : 0;
        return {
          op: kind === 'GlobalMaxPooling2D' ? 'ReduceMax' : 'ReduceMean',
          attributes: { axes: [2, 3], keepdims },
        };
      }
      case 'Concatenate':
        return { op: 'Concat', attributes: { axis: this.#joinedAxis(layer) } };
      case 'Flatten':
        return { op: 'Flatten' };
      case 'Reshape':
        return { op: 'Reshape', attributes: { shape: this.#target(layer) } };
      default:
        return { op: kind };
    }
  }

  /** Without the batch; [1, 1, C] is a map in the config's layout. */
  #target(layer: Layer): readonly number[] {
    const [first = -1, ...more] = numbersOf(layer, 'target_shape');
    const channels = this.#isChannelsFirst || more.length === 0 ? first : (more.at(-1) ?? -1);
    return more.length === 2 ? [0, channels, 1, 1] : [0, channels, ...more];
  }

  /** In NCHW. Behind the global pools vectors are joined, whose only axis is the last. */
  #joinedAxis(layer: Layer): number {
    const axis = numberOf(layer, 'axis', -1);
    if (this.#channelAxes().includes(axis) || axis === -1) return 1;
    return axis === 1 ? 2 : axis;
  }

  #channelAxes(): readonly number[] {
    return this.#isChannelsFirst ? [1, -3] : [3, -1];
  }

  /** Of a map, in NCHW: 1 is the channels'. A vector has no other. */
  #channelAxis(layer: Layer): number {
    const [axis = -1] = numbersIn(layer.config.get('axis') ?? -1) ?? [Number.NaN];
    return this.#channelAxes().includes(axis) ? 1 : 2;
  }

  /** Rescaling, Normalization and arithmetic with constants, for the image. */
  #image(layer: Layer, steps: readonly ImageStep[], inputs: readonly string[], output: string): void {
    let [value = ''] = inputs;
    for (const [index, { op, values, isFirst }] of steps.entries()) {
      const constant = `${layer.name}/constant${index}`;
      const shape = values.length === 1 ? [] : [values.length, 1, 1];
      this.constants.set(constant, { kind: 'floats', tensor: floatTensor(constant, shape, Float32Array.from(values)) });
      const next = index === steps.length - 1 ? output : `${layer.name}/step${index}`;
      this.#node(op, layer, isFirst ? [constant, value] : [value, constant], next);
      value = next;
    }
  }
}

type Attributes = Readonly<Record<string, number | string | readonly number[]>>;

interface Operator {
  readonly op: string;
  readonly attributes?: Attributes;
  /** Names of constants, behind the layer's inputs. */
  readonly weights?: readonly string[];
}

/** Softmax in the last axis, which is the second one's of a vector. */
function activationOperator(layer: Layer): readonly [op: string, attributes: Attributes] {
  const name = activationName(layer);
  const op = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  // `keras.activations.leaky_relu` has a slope of 0.2, the layer of that name 0.3.
  const attributes = op === 'Softmax' ? { axis: -1 } : op === 'LeakyRelu' ? { alpha: 0.2 } : {};
  return [op ?? `the activation "${name}"`, attributes];
}

function reluOperator({ config }: Layer): string {
  const changed = ['max_value', 'negative_slope', 'threshold'].find((option) => (config.get(option) ?? 0) !== 0);
  return changed === undefined ? 'Relu' : `a ReLU with a ${changed}`;
}

function poolWindow(layer: Layer): Attributes {
  const size = pairOf(layer, 'pool_size', 2);
  const strides = layer.config.get('strides') === null ? size : pairOf(layer, 'strides', size[0] ?? 2);
  return { kernel_shape: size, strides, auto_pad: autoPad(layer) };
}

const IMAGE = 'the image';
const BARE_IMAGE = { name: IMAGE, dims: [] } as const;

const autoPad = (layer: Layer): string =>
  textOf(layer, 'padding', 'valid').toLowerCase() === 'same' ? 'SAME_UPPER' : 'VALID';

/** [[top, bottom], [left, right]], or one number for all → ONNX's pads over NCHW. */
function padsOf(layer: Layer): number[] {
  const sides = [layer.config.get('padding')].flat(2).map((side) => (typeof side === 'number' ? side : Number.NaN));
  const [a = 1, b = a, c = a, d = b] = sides.length === 2 ? [sides[0], sides[0], sides[1], sides[1]] : sides;
  return [0, 0, a, c, 0, 0, b, d];
}
