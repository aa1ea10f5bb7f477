/**
 * A step: one dispatch as plain data. Its bindings and parameters are typed by the kernel's manifest entry, so a step
 * that does not fit its kernel does not compile.
 */
import type { KERNELS } from '../kernels/manifest.generated.js';
import type { ConvShape } from '../kernels/shape.js';
import type { KernelName, Variant } from '../kernels/variants.js';

/** What a binding points at. Offsets and sizes in bytes; a size of `undefined` means to the end of the region. */
export type Source =
  | { readonly at: 'region'; readonly name: string; readonly offset?: number; readonly bytes?: number }
  | { readonly at: 'weights'; readonly name: string }
  /** A buffer that the caller brings: the input tensor, or the classes to explain. */
  | { readonly at: 'external'; readonly name: ExternalName };

export type ExternalName = 'tensor' | 'classes';

type BindingOf<K extends KernelName> = Exclude<keyof (typeof KERNELS)[K]['bindings'], 'params'>;
type ParamOf<K extends KernelName> = keyof (typeof KERNELS)[K]['params'];

/** When a step runs: `input` packs a tensor, `network` always runs, the others on request. */
export type Stage = 'input' | 'network' | 'scores' | 'explain' | 'taps';

export interface StepOf<K extends KernelName> {
  readonly name: string;
  readonly stage: Stage;
  readonly kernel: K;
  readonly variant: Variant;
  /** What the variant was chosen for, where there was a choice. */
  readonly shape?: ConvShape;
  readonly bindings: Readonly<Record<BindingOf<K>, Source>>;
  readonly params: Readonly<Record<ParamOf<K>, number>>;
  readonly workgroups: readonly [x: number, y: number, z: number];
  /** Multiply-accumulates of the formula, without what a tile computes past an edge. */
  readonly macs: number;
}

/** Kernels that a network plan dispatches; those of preprocessing are planned with their image. */
export type NetworkKernel =
  | 'pack'
  | 'stem'
  | 'maxpool'
  | 'conv1x1'
  | 'conv3x3'
  | 'transition'
  | 'pool'
  | 'linear'
  | 'gradient'
  | 'scores'
  | 'cam'
  | 'normalize';

export type Step = { [K in NetworkKernel]: StepOf<K> }[NetworkKernel];

/** The binding that a kernel writes; every other is read. */
export const WRITTEN: ReadonlySet<string> = new Set(['dst', 'best', 'scores']);

export const region = (name: string, offset?: number, bytes?: number): Source => ({
  at: 'region',
  name,
  ...(offset === undefined ? {} : { offset }),
  ...(bytes === undefined ? {} : { bytes }),
});

export const weights = (name: string): Source => ({ at: 'weights', name });
