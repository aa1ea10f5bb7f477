/**
 * `DenseNetConfig`: one member of the DenseNet family as plain data (Huang et al., "Densely Connected Convolutional
 * Networks", CVPR 2017, arXiv:1608.06993, sections 3 and 4.1, Table 1).
 *
 * Knows no tensor names, no bytes and no GPU.
 */
/** `imagenet`: 7×7 stride 2 pad 3, BN, ReLU, max pool 3×3 stride 2 pad 1. `cifar`: 3×3 stride 1 pad 1. */
export type Stem = 'imagenet' | 'cifar';

/** What turns logits into scores: one class per image, each class by itself, or nothing (the scores are the logits). */
export type Activation = 'softmax' | 'sigmoid' | 'none';

/** Who says what the activation is: the file, the user, or nobody. */
export type ActivationOrigin = 'file' | 'option' | 'assumed';

/**
 * What a dense layer of the head ends with. ELU has alpha 1, leaky ReLU a slope of 0.01; GELU is the exact one, or its
 * approximation by tanh. The kernels know them by their places here.
 */
export const HEAD_ACTIVATIONS = ['none', 'relu', 'sigmoid', 'tanh', 'gelu', 'elu', 'leaky-relu', 'gelu-tanh'] as const;
export type HeadActivation = (typeof HEAD_ACTIVATIONS)[number];

/** Over the last map: average (the paper's), maximum, or both one after the other, averages first. */
export type Pooling = 'average' | 'max' | 'both';

/** A dense layer between the pool and the classifier. */
export interface HiddenLayer {
  readonly width: number;
  readonly activation: HeadActivation;
}

/** What a network computes where its tensors' shapes do not show it. What is absent is as in the paper. */
export interface NetworkFacts {
  readonly bnEpsilon?: number;
  /** Whether BN-ReLU follows the stem's convolution: always for `imagenet` unless said. */
  readonly stemNorm?: boolean;
  /** Of the stem's convolution: 2 for `imagenet` and 1 for `cifar` unless said. */
  readonly stemStride?: 1 | 2;
  /** Whether a max pool (3×3, stride 2, padding 1) ends the stem: for `imagenet` and not for `cifar` unless said. */
  readonly stemPool?: boolean;
  /** Whether a ReLU stands between the last batch norm and the pool. Default true. */
  readonly finalRelu?: boolean;
  /** Default `average`. */
  readonly pooling?: Pooling;
  /** Of the hidden layers, in order. Default `relu` for each. */
  readonly hiddenActivations?: readonly HeadActivation[];
}

/** The architecture: everything that the tensors' shapes decide, and the BN epsilon that they do not. */
export interface DenseNetConfig {
  readonly stem: Stem;
  /** Whether BN-ReLU follows the stem's convolution. Always for `imagenet`; seldom for `cifar`. */
  readonly stemNorm: boolean;
  readonly inChannels: number;
  /** Channels out of the stem. */
  readonly initFeatures: number;
  /** k: channels that each layer adds. */
  readonly growthRate: number;
  /** Layers per dense block. */
  readonly blocks: readonly number[];
  /** Width of the 1×1 bottleneck in growth rates (4 in the paper), or `null` for plain BN-ReLU-3×3 layers. */
  readonly bottleneck: number | null;
  /** Channels that each transition puts out, one entry per transition (`blocks.length - 1`). */
  readonly transitions: readonly number[];
  /** Outputs of the classifier; 0: there is none, and the network ends with the pooled features. */
  readonly classes: number;
  readonly bnEpsilon: number;
  /** See {@link NetworkFacts}; absent where it is the stem's usual one. */
  readonly stemStride?: 1 | 2;
  readonly stemPool?: boolean;
  /** False: no ReLU behind the last batch norm. Absent: there is one. */
  readonly finalRelu?: false;
  /** Absent: average. */
  readonly pooling?: 'max' | 'both';
  /** Dense layers between the pool and the classifier. Absent: none. */
  readonly hidden?: readonly HiddenLayer[];
}

export interface StemShape {
  readonly kernel: 3 | 7;
  readonly stride: 1 | 2;
  /** Zeros around the input, in pixels. */
  readonly padding: number;
  readonly pool: boolean;
}

/** Kernel, padding, stride and pool of a config's stem. */
export function stemOf({ stem, stemStride, stemPool }: DenseNetConfig): StemShape {
  const isImagenet = stem === 'imagenet';
  const kernel = isImagenet ? 7 : 3;
  return {
    ...{ kernel, padding: (kernel - 1) / 2 },
    ...{ stride: stemStride ?? (isImagenet ? 2 : 1), pool: stemPool ?? isImagenet },
  };
}

/** PyTorch's `BatchNorm2d` default; Keras trains its DenseNets with 1.001e-5. */
export const TORCH_BN_EPSILON = 1e-5;
export const KERAS_BN_EPSILON = 1.001e-5;
