/** Networks that resemble a DenseNet, or only call themselves one: how to tell them, and what to say. One row each. */
import type { ModelShapeError } from '../core/errors.js';

type Problems = ModelShapeError['problems'];

interface Row {
  readonly tell: (problems: Problems, names: readonly string[]) => boolean;
  readonly say: string;
}

const named = (expression: RegExp) => (_: Problems, names: readonly string[]) =>
  names.some((name) => expression.test(name));

const misshaped =
  (is: (name: string, found: readonly number[], expected: readonly number[]) => boolean) =>
  ({ misshaped: list }: Problems) =>
    list.some(({ name, found, expected }) => is(name, sides(found), sides(expected)));

/** `[64,3,7,7]` → numbers. */
const sides = (shape: string): number[] => shape.slice(1, -1).split(',').map(Number);

const ROWS: readonly Row[] = [
  {
    tell: (_, names) =>
      names.length > 8 &&
      !names.some((name) => /running_(mean|var)$/.test(name)) &&
      names.some((name) => /norm\d?\.weight$|bn\d?\.weight$/.test(name)),
    say: 'It holds no running statistics: its norms are not batch norms (group, instance or layer norms?), which cannot be run',
  },
  {
    tell: ({ extra }) => extra.some((name) => /(^|\.)features\.conv[12]\.weight$/.test(name)),
    say: "features.conv1: a stem of several convolutions (timm's densenetblur121d and other deep stems) cannot be run",
  },
  {
    tell: misshaped((_, found) => found.length === 5),
    say: 'Its convolutions are three-dimensional: only networks over pictures can be run',
  },
  {
    tell: misshaped((name, found, expected) => {
      const [inputs = 0, channels = 0] = [found[1], expected[1]];
      return name === 'classifier.weight' && inputs > channels && inputs % channels === 0;
    }),
    say: 'The head takes a multiple of the channels of the last block: it flattens the map instead of pooling it, which cannot be run',
  },
  {
    tell: misshaped(
      (name, found) => /\.transition\d+\.conv\.weight$/.test(name) && found.length === 4 && found[2] !== 1,
    ),
    say: 'A transition convolves with more than 1×1 (a multi-scale or strided transition), which cannot be run',
  },
  {
    tell: named(/(^|\.)dense_block(_layer_)?\d+\.bottle_neck_layer_/),
    say: "Its names are those of weiaicunzai's pytorch-cifar100, whose transitions lack their ReLU: it cannot be run",
  },
  { tell: named(/(^|\.)layer[1-4]\.\d+\.(conv|bn|downsample)/), say: 'Its names are those of a ResNet' },
  { tell: named(/(^|\.)blocks\.\d+\.attn\./), say: 'Its names are those of a vision transformer' },
];

/** What can be said of the network, from what does not fit and from all its names. */
export function knownUnsupported(problems: Problems, names: readonly string[]): string[] {
  return ROWS.filter(({ tell }) => tell(problems, names)).map(({ say }) => say);
}
