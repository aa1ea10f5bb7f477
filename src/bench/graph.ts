/**
 * A folded model as the list of operations that a general runtime executes, for the ONNX and the TensorFlow.js writers.
 * Norms after a convolution are folded into it. Each layer's output is joined to the features before it by a
 * concatenation of two (BENCHMARKS.md says why not of many).
 */
import type { ConvFold, FoldedModel, NormFold } from '../model/model.js';

/** Same padding throughout; `relu` is applied to the output. */
export interface ConvOp extends ConvFold {
  readonly op: 'conv';
  readonly inputs: readonly [string];
  readonly output: string;
  readonly stride: 1 | 2;
  readonly relu: boolean;
}

/** max(0, scale · x + shift) per channel. */
export interface NormOp extends NormFold {
  readonly op: 'norm';
  readonly inputs: readonly [string];
  readonly output: string;
}

/** `maxPool` 3×3 stride 2 pad 1; `averagePool` 2×2 stride 2; `globalAverage` to [N, C]; `concat` along the channels. */
export interface ShapeOp {
  readonly op: 'maxPool' | 'averagePool' | 'globalAverage' | 'concat';
  readonly inputs: readonly string[];
  readonly output: string;
}

/** `weight` is [out, in]. */
export interface LinearOp {
  readonly op: 'linear';
  readonly inputs: readonly [string];
  readonly output: string;
  readonly out: number;
  readonly in: number;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

export type Op = ConvOp | NormOp | ShapeOp | LinearOp;

/** The names of the graph's input and output. */
export const INPUT = 'input';
export const LOGITS = 'logits';

export function operations({ config, stem, blocks, head }: FoldedModel): Op[] {
  const ops: Op[] = [];
  const conv = (fold: ConvFold, input: string, output: string, relu: boolean, stride: 1 | 2 = 1) => {
    ops.push({ ...fold, op: 'conv', inputs: [input], output, stride, relu });
    return output;
  };
  const norm = (fold: NormFold, input: string, output: string) => {
    ops.push({ ...fold, op: 'norm', inputs: [input], output });
    return output;
  };
  const shape = (op: ShapeOp['op'], inputs: readonly string[], output: string) => {
    ops.push({ op, inputs, output });
    return output;
  };
  const imagenet = config.stem === 'imagenet';
  let x = conv(stem, INPUT, 'stem', config.stemNorm, imagenet ? 2 : 1);
  if (imagenet) x = shape('maxPool', [x], 'stem.pool');
  for (const [b, { layers, transition }] of blocks.entries()) {
    for (const [i, layer] of layers.entries()) {
      const name = `block${b + 1}.layer${i + 1}`;
      const active = norm(layer.norm, x, `${name}.norm`);
      const wide = layer.reduce ? conv(layer.reduce, active, `${name}.reduce`, true) : active;
      x = shape('concat', [x, conv(layer.conv, wide, `${name}.conv`, false)], `${name}.concat`);
    }
    if (transition) {
      const name = `transition${b + 1}`;
      const narrow = conv(transition.conv, norm(transition.norm, x, `${name}.norm`), `${name}.conv`, false);
      x = shape('averagePool', [narrow], `${name}.pool`);
    }
  }
  const pooled = shape('globalAverage', [norm(head.norm, x, 'final')], 'pooled');
  const { weight, bias } = head;
  ops.push({
    op: 'linear',
    inputs: [pooled],
    output: LOGITS,
    out: bias.length,
    in: weight.length / bias.length,
    weight,
    bias,
  });
  return ops;
}
