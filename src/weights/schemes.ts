/**
 * How the code bases of the DenseNet family name their modules: one row each. Data only; `canonicalise.ts` reads it.
 *
 * A name is `prefix + module + '.' + leaf`. In a module template `{b}` is the block and `{i}` the layer, both counted
 * from 1; `{b+1}` or `{i-1}` where the file counts otherwise. Torchvision's current names are the canonical ones.
 */

/** The places in a DenseNet where a module with parameters stands. */
export type Role =
  | 'conv0'
  | 'norm0'
  | 'norm1'
  | 'conv1'
  | 'norm2'
  | 'conv2'
  | 'transitionNorm'
  | 'transitionConv'
  | 'norm5'
  | 'hidden'
  | 'classifier';

/** Template(s) of each role; several where a code base or its forks differ. */
export interface Scheme {
  readonly name: string;
  readonly modules: Readonly<Record<Exclude<Role, 'classifier' | 'hidden'>, readonly string[]>>;
}

export const CANONICAL: Readonly<Record<Role, string>> = {
  conv0: 'features.conv0',
  norm0: 'features.norm0',
  norm1: 'features.denseblock{b}.denselayer{i}.norm1',
  conv1: 'features.denseblock{b}.denselayer{i}.conv1',
  norm2: 'features.denseblock{b}.denselayer{i}.norm2',
  conv2: 'features.denseblock{b}.denselayer{i}.conv2',
  transitionNorm: 'features.transition{b}.norm',
  transitionConv: 'features.transition{b}.conv',
  norm5: 'features.norm5',
  hidden: 'head.hidden{i}',
  classifier: 'classifier',
};

/** The modules that torchvision and its descendants share; `layer` is what follows `denselayer{i}.`. */
function torchvisionLike(layer: (part: 'norm' | 'conv', index: 1 | 2) => string): Scheme['modules'] {
  const inLayer = (part: 'norm' | 'conv', index: 1 | 2) => [`denseblock{b}.denselayer{i}.${layer(part, index)}`];
  return {
    conv0: ['conv0'],
    norm0: ['norm0'],
    norm1: inLayer('norm', 1),
    conv1: inLayer('conv', 1),
    norm2: inLayer('norm', 2),
    conv2: inLayer('conv', 2),
    transitionNorm: ['transition{b}.norm'],
    transitionConv: ['transition{b}.conv'],
    norm5: ['norm5', 'norm_final', 'norm'],
  };
}

export const SCHEMES: readonly Scheme[] = [
  {
    name: 'torchvision',
    modules: torchvisionLike((part, index) => `${part}${index}`),
  },
  {
    name: 'torchvision-download',
    modules: torchvisionLike((part, index) => `${part}.${index}`),
  },
  {
    name: 'monai',
    modules: torchvisionLike((part, index) => `layers.${part}${index}`),
  },
  {
    name: 'densenet3',
    modules: {
      conv0: ['conv1'],
      norm0: [],
      norm1: ['block{b}.layer.{i-1}.bn1'],
      conv1: ['block{b}.layer.{i-1}.conv1'],
      norm2: ['block{b}.layer.{i-1}.bn2'],
      conv2: ['block{b}.layer.{i-1}.conv2'],
      transitionNorm: ['trans{b}.bn1'],
      transitionConv: ['trans{b}.conv1'],
      norm5: ['bn1'],
    },
  },
  {
    name: 'dense-trans',
    modules: {
      conv0: ['conv1'],
      norm0: [],
      norm1: ['dense{b}.{i-1}.bn1'],
      conv1: ['dense{b}.{i-1}.conv1'],
      norm2: ['dense{b}.{i-1}.bn2'],
      conv2: ['dense{b}.{i-1}.conv2'],
      transitionNorm: ['trans{b}.bn1', 'trans{b}.bn'],
      transitionConv: ['trans{b}.conv1', 'trans{b}.conv'],
      norm5: ['bn1', 'bn'],
    },
  },
  {
    name: 'pytorchcv',
    modules: {
      conv0: ['init_block.conv', 'init_block'],
      norm0: ['init_block.bn'],
      norm1: ['stage{b}.unit{i}.conv1.bn', 'stage{b}.unit{i}.conv.bn'],
      conv1: ['stage{b}.unit{i}.conv1.conv', 'stage{b}.unit{i}.conv.conv'],
      norm2: ['stage{b}.unit{i}.conv2.bn'],
      conv2: ['stage{b}.unit{i}.conv2.conv'],
      transitionNorm: ['stage{n}.trans{b+1}.conv.bn'],
      transitionConv: ['stage{n}.trans{b+1}.conv.conv'],
      norm5: ['post_activ.bn'],
    },
  },
  {
    name: 'keras',
    modules: {
      conv0: ['conv1_conv', 'conv1/conv', 'conv1'],
      norm0: ['conv1_bn', 'conv1/bn'],
      norm1: ['conv{b+1}_block{i}_0_bn'],
      conv1: ['conv{b+1}_block{i}_1_conv'],
      norm2: ['conv{b+1}_block{i}_1_bn'],
      conv2: ['conv{b+1}_block{i}_2_conv'],
      transitionNorm: ['pool{b+1}_bn'],
      transitionConv: ['pool{b+1}_conv'],
      norm5: ['bn'],
    },
  },
];

/** Heads are named by whoever fine-tuned the net, whatever the scheme of the rest; tried in this order. */
export const CLASSIFIERS: readonly string[] = [
  'classifier',
  'classifier.{n}',
  'classifier.fc',
  'fc',
  'fc.{n}',
  'fc1000',
  'class_layers.out',
  'head',
  'head.fc',
  'head.{n}',
  'last_linear',
  'linear',
  'output',
  'out',
  'predictions',
];

/** What files call the leaves, and the canonical name of each; `null`: known and of no use for inference. */
export const LEAVES: Readonly<Record<string, string | null>> = {
  weight: 'weight',
  bias: 'bias',
  running_mean: 'running_mean',
  running_var: 'running_var',
  num_batches_tracked: null,
};

/** Tensors that a file may hold beside the network's: operating points (torchxrayvision), training counters. */
export const IGNORED = /(^|\.)(op_threshs|num_batches_tracked|total_ops|total_params|n_averaged)$/;
