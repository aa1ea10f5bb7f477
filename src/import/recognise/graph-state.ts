/**
 * What the values of a graph are, where the graph is a DenseNet: the states between its operations. Each state knows
 * the parts of the network that lead to it, so that the state of the logits is the whole network.
 */
import type { HeadActivation } from '../../model/config.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type Node, unsupportedNode } from '../graph/node.js';
import type { Norm } from './norm.js';

/** Height and width; `null` where the graph leaves a side open. */
export type Size = readonly [height: number | null, width: number | null];

/** `weight` is OIHW. */
export interface Conv {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly kernel: number;
  readonly out: number;
}

/** What enters the first block. `norm` is `null` where the stem is a bare convolution. */
export interface Stem {
  readonly kind: 'stem';
  readonly conv: Conv;
  readonly stride: 1 | 2;
  readonly norm: Norm | null;
  readonly isPooled: boolean;
  readonly channels: number;
  /** What the network does to the image before its stem. */
  readonly input: Input;
}

/** What enters a later block. */
export interface Transition {
  readonly kind: 'transition';
  readonly from: Block;
  readonly norm: Norm;
  readonly conv: Conv;
  readonly channels: number;
}

/** What a layer adds. `reduce` is `null` for plain layers. */
export interface Layer {
  readonly kind: 'layer';
  readonly from: Block;
  readonly norm: Norm;
  readonly reduce: { readonly conv: Conv; readonly norm: Norm } | null;
  readonly conv: Conv;
  readonly channels: number;
}

export type Entry = Stem | Transition;
export type Part = Entry | Layer;

/** The features of a block so far: what entered it and what layers 1, 2, … added. */
export interface Block {
  readonly entry: Entry;
  readonly layers: readonly Layer[];
}

/** The image, NCHW; `dims` as far as the graph says them. Channel c here is scale[c] · image[from[c]] + shift[c]. */
export interface Input {
  readonly at: 'input';
  readonly dims: readonly (number | null)[];
  /** `null`: the image's own channels. [0, 0, 0]: a gray image repeated. [2, 1, 0]: reversed. */
  readonly from: readonly number[] | null;
  /** One value for all channels or one for each; `null`: unchanged. */
  readonly affine: { readonly scale: readonly number[]; readonly shift: readonly number[] } | null;
}

/** The output of a stem, a layer or a transition, or a concatenation of such: `parts` in channel order. */
export interface Features {
  readonly at: 'features';
  readonly parts: readonly Part[];
  readonly size: Size;
}

export interface Normed {
  readonly at: 'normed';
  readonly from: Block;
  readonly norm: Norm;
  readonly size: Size;
}

/** Behind BN-ReLU. `stem` is set where this may be the end of a 3×3 stem as well as the beginning of layer 1. */
export interface Activated {
  readonly at: 'activated';
  readonly from: Block;
  /** `null`: no norm stands before the ReLU, or it was folded into the stem. */
  readonly norm: Norm | null;
  readonly stem: Features | null;
  readonly size: Size;
}

/** Behind BN-ReLU-1×1: a bottleneck, or a transition before its pool. */
export interface Reduced {
  readonly at: 'reduced';
  readonly from: Block;
  readonly norm1: Norm;
  readonly conv: Conv;
  readonly norm2: Norm | null;
  readonly isActive: boolean;
  readonly size: Size;
}

/** Behind BN-ReLU-average pool 2×2: a transition that pools first, or a head on a map of 2×2. */
export interface Averaged {
  readonly at: 'averaged';
  readonly from: Block;
  readonly norm: Norm;
  readonly hasRelu: boolean;
  readonly size: Size;
}

/** The last map pooled, behind its norm and, in most networks, a ReLU. */
export interface Pool {
  readonly from: Block;
  readonly norm: Norm;
  readonly hasRelu: boolean;
  /** Several where maximum and average are joined, in their order. */
  readonly kinds: readonly ('average' | 'max')[];
}

/** A dense layer with everything between it and the next folded into it. `weight` is [out, in]. */
export interface Dense {
  readonly weight: Float64Array;
  readonly bias: Float64Array;
  readonly width: number;
  readonly activation: HeadActivation;
  /** Of a leaky ReLU, where it is not the usual 0.01. */
  readonly slope?: number;
}

/** The pooled vector on its way through the head: [N, C], [N, C, 1, 1], or [C] where the batch is 1. */
export interface HeadVector {
  readonly at: 'vector';
  readonly pool: Pool;
  readonly layers: readonly Dense[];
  /** A norm in front of the first layer, or behind an activation: for the next layer to take in. */
  readonly pending: { readonly scale: Float64Array; readonly shift: Float64Array } | null;
  readonly rank: 1 | 2 | 4;
}

/** A function of each value of a vector on its way to an activation: its samples (curve.ts). */
export interface Curve {
  readonly at: 'curve';
  readonly of: HeadVector;
  readonly samples: Float64Array;
}

/** Behind the softmax. */
export interface Scores {
  readonly at: 'scores';
  readonly vector: HeadVector;
}

/** Zeros around a map, for the convolution or pool that follows. */
export interface Padded {
  readonly at: 'padded';
  readonly of: Input | Activated | Reduced;
  /** Top, left, bottom, right. */
  readonly pads: readonly number[];
}

export type GraphState =
  | Input
  | Features
  | Normed
  | Activated
  | Reduced
  | Averaged
  | HeadVector
  | Curve
  | Scores
  | Padded;

/** What may follow, for the error that says what does not. */
export const FOLLOWERS: Readonly<Record<GraphState['at'], string>> = {
  input: 'the stem, a convolution of 7×7 (padding 3), 5×5 (padding 2) or 3×3 (padding 1) with stride 1 or 2',
  features: 'a batch norm over all features of the block, or a Concat',
  normed: 'Relu behind the batch norm',
  activated: 'a 1×1 or 3×3 convolution, or average pooling',
  reduced: 'a batch norm, Relu and a 3×3 convolution, or average pooling of 2×2',
  averaged: 'the 1×1 convolution of a transition',
  vector:
    'a dense layer (Gemm, MatMul or a 1×1 convolution), a batch norm, an activation (ReLU, sigmoid, tanh, GELU, ELU, leaky ReLU) or the end of the graph',
  curve: 'the rest of an activation that is written out',
  scores: 'the end of the graph',
  padded: 'a convolution or a max pool',
};

export function unexpected(node: Node, state: GraphState, found = ''): Error {
  return unsupportedNode(node, `expected ${FOLLOWERS[state.at]}${found}`);
}

/** The state without the zeros around it, and those. */
export function unpadded(state: GraphState): { state: Exclude<GraphState, Padded>; pads: readonly number[] } {
  return state.at === 'padded' ? { state: state.of, pads: state.pads } : { state, pads: [0, 0, 0, 0] };
}

/** What stands before the network, where a bare convolution is followed by what a stem begins with. */
export const inFront = (state: GraphState): string =>
  state.at === 'features' && state.parts.length === 1 && state.parts[0]?.kind === 'stem' && !state.parts[0].norm
    ? ": a convolution stands in front of the network's own stem, which cannot be run: train the network without it, or " +
      'give the image as many channels as the stem takes'
    : '';
