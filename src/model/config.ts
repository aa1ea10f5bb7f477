/**
 * `DenseNetConfig`: one member of the DenseNet family as plain data (Huang et al., "Densely Connected Convolutional
 * Networks", CVPR 2017, arXiv:1608.06993, sections 3 and 4.1, Table 1).
 *
 * Knows no tensor names, no bytes and no GPU.
 */
/** `imagenet`: 7×7 stride 2 pad 3, BN, ReLU, max pool 3×3 stride 2 pad 1. `cifar`: 3×3 stride 1 pad 1. */
export type Stem = 'imagenet' | 'cifar';

/** What turns logits into scores: one label per picture, or many. */
export type Activation = 'softmax' | 'sigmoid';

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
  readonly classes: number;
  readonly bnEpsilon: number;
}

/** PyTorch's `BatchNorm2d` default; Keras trains its DenseNets with 1.001e-5. */
export const TORCH_BN_EPSILON = 1e-5;
export const KERAS_BN_EPSILON = 1.001e-5;

/** The stem's convolution, which pads its input by `padding` zeros on every side. */
export const stemFilter = ({ stem }: Pick<DenseNetConfig, 'stem'>) =>
  stem === 'imagenet' ? ({ size: 7, stride: 2, padding: 3 } as const) : ({ size: 3, stride: 1, padding: 1 } as const);
