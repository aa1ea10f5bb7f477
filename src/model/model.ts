/**
 * The model as pure numbers: batch norms folded, weights in the frameworks' own order (OIHW), ready to be packed for
 * the kernels. The hand-over between `src/weights` (which makes it) and `src/plan` (which packs it).
 */
import type { PreprocessSpec } from '../preprocess/spec.js';
import type { Activation, ActivationOrigin, DenseNetConfig, HeadActivation, NetworkFacts } from './config.js';

/** y = scale[c] · x + shift[c], one pair per input channel; a ReLU always follows. Length: channels. */
export interface NormFold {
  readonly scale: Float32Array;
  readonly shift: Float32Array;
}

/** A convolution with the batch norm behind it folded in. `weight` is OIHW: [out, in, kernel, kernel]. */
export interface ConvFold {
  readonly out: number;
  readonly in: number;
  readonly kernel: 1 | 3 | 7;
  readonly weight: Float32Array;
  /** Zeros where neither a bias nor a folded norm exists. Length: out. */
  readonly bias: Float32Array;
}

/** A dense layer: BN-ReLU (`norm`), then either 1×1 (BN folded) - ReLU - 3×3, or a plain 3×3 (`reduce` null). */
export interface LayerFold {
  readonly norm: NormFold;
  readonly reduce: ConvFold | null;
  readonly conv: ConvFold;
}

/** BN-ReLU-1×1-average pool 2×2 stride 2. */
export interface TransitionFold {
  readonly norm: NormFold;
  readonly conv: ConvFold;
}

/** A linear map: `weight` is [out, in]. */
export interface LinearHead {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** A dense layer. */
export interface DenseFold extends LinearHead {
  readonly activation: HeadActivation;
}

/** BN-ReLU-global pool, the hidden layers, then the classifier, whose `weight` is [classes, in]; empty without one. */
export interface HeadFold extends LinearHead {
  readonly norm: NormFold;
  readonly hidden: readonly DenseFold[];
}

export interface FoldedModel {
  readonly config: DenseNetConfig;
  readonly stem: ConvFold;
  readonly blocks: readonly { readonly layers: readonly LayerFold[]; readonly transition: TransitionFold | null }[];
  readonly head: HeadFold;
}

/** What a model file says besides its tensors. Everything may be absent in a bare checkpoint. */
export interface ModelMetadata extends NetworkFacts {
  /** Class names by index; `classes` of them, or absent. */
  readonly labels?: readonly string[];
  readonly preprocess?: PreprocessSpec;
  /** Absent in a bare checkpoint: then sigmoid for one class, else softmax. */
  readonly activation?: Activation;
  /** Who says so. Absent beside an activation: the file's maker. */
  readonly activationOrigin?: ActivationOrigin;
  /** What the importer took for granted since the file does not show it, by the names of its options. */
  readonly assumed?: readonly string[];
  /**
   * What the source network does to its own input before the stem, per channel: scale · x + shift. `preprocess` contains
   * it; tensors are given to this network with it already applied.
   */
  readonly sourceInput?: { readonly scale: readonly number[]; readonly shift: readonly number[] };
  /** For `sigmoid`, one per class: the probability from which on it counts as present; null where none is known. */
  readonly thresholds?: readonly (number | null)[];
  /**
   * Where the source concatenates new features in front of the old. The weights here are permuted for the other order,
   * so the channels of our blocks, final map and pooled vector stand in another order than the source's.
   */
  readonly concat?: 'new-first';
  /** Free text: where the weights come from, how they were trained, under which license. */
  readonly provenance?: string;
  readonly license?: string;
  readonly name?: string;
}
