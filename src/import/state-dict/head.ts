/**
 * The head of a state dict: dense layers and batch norms that lead from the pooled features to the classes, chained by
 * their shapes. What stands between two of them is not in the file and is taken from their numbers in a Sequential:
 * `classifier.0` and `classifier.3` leave room for an activation, `classifier.0` and `classifier.1` do not.
 */
import type { HeadActivation, Pooling } from '../../model/config.js';
import { names } from '../../model/tensors.js';
import { type Tensor, toFloats } from '../../tensor/tensor.js';
import { averagesFirst, type DenseChain, dense, headTensors, joinLinear, normBehind } from '../recognise/dense.js';
import type { Dense } from '../recognise/graph-state.js';
import { modulePath, type WeightModule } from './modules.js';

export interface Head {
  /** Under canonical names. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly pooling: Pooling;
  readonly hiddenActivations: readonly HeadActivation[];
  /** Modules that were used, in order. */
  readonly path: readonly string[];
  /** Whether an activation was taken for granted. */
  readonly isAssumed: boolean;
}

interface HeadOptions {
  readonly bnEpsilon: number;
  /** Instead of the ReLU that is assumed. */
  readonly activation: HeadActivation | undefined;
}

/**
 * @param modules that the body does not use, in the file's order
 * @param channels that leave the last block
 * @returns `null` when no dense layer takes the pooled features
 */
export function headOf(modules: readonly WeightModule[], channels: number, options: HeadOptions): Head | null {
  const chain = chainOf(modules, channels);
  const [first] = chain;
  const last = chain.findLast(({ kind }) => kind !== 'norm');
  if (!first || !last) return null;
  const isBoth = widthInto(first) === 2 * channels;
  const pooling = isBoth ? 'both' : 'average';
  const path = chain.map((module) => module.path);
  if (chain.length === 1 && !isBoth) {
    const tensors = new Map<string, Tensor>();
    const put = (leaf: string, tensor: Tensor) =>
      tensors.set(`${names.classifier}.${leaf}`, { ...tensor, name: `${names.classifier}.${leaf}` });
    put('weight', { ...last.weight, shape: last.weight.shape.slice(0, 2) });
    if (last.bias) put('bias', last.bias);
    return { tensors, pooling, hiddenActivations: [], path, isAssumed: false };
  }
  const folded = fold(chain, options);
  const layers = joinLinear(folded.layers);
  return {
    tensors: headTensors(isBoth ? averagesFirst(layers) : layers),
    pooling,
    hiddenActivations: layers.slice(0, -1).map(({ activation }) => activation),
    path,
    isAssumed: folded.isAssumed,
  };
}

const widthInto = ({ kind, weight }: WeightModule): number => weight.shape[kind === 'norm' ? 0 : 1] ?? 0;

/** A 1×1 convolution serves as a dense layer, too. */
const isDense = ({ kind, weight }: WeightModule): boolean =>
  kind === 'dense' || (kind === 'conv' && weight.shape[2] === 1 && weight.shape[3] === 1);

/** Each takes what the one before makes. One that takes the pooled features themselves starts anew: the rest was unused. */
function chainOf(modules: readonly WeightModule[], channels: number): WeightModule[] {
  let chain: WeightModule[] = [];
  let width = 0;
  for (const module of modules) {
    if (module.kind !== 'norm' && !isDense(module)) continue;
    const into = widthInto(module);
    if (chain.length > 0 && into === width) chain.push(module);
    else if (into === channels || into === 2 * channels) chain = [module];
    else continue;
    width = module.kind === 'norm' ? into : (module.weight.shape[0] ?? 0);
  }
  return chain;
}

function fold(chain: readonly WeightModule[], options: HeadOptions): { layers: readonly Dense[]; isAssumed: boolean } {
  let state: DenseChain = { layers: [], pending: null };
  let isAssumed = false;
  let isActive = true;
  for (const [index, module] of chain.entries()) {
    const { weight, bias, statistics } = module;
    if (statistics) {
      const [mean, variance] = statistics.map(toFloats);
      const scale = Float64Array.from(
        toFloats(weight),
        (g, c) => g / Math.sqrt((variance?.[c] ?? 0) + options.bnEpsilon),
      );
      const beta = bias ? toFloats(bias) : new Float64Array(scale.length);
      const shift = scale.map((factor, c) => (beta[c] ?? 0) - (mean?.[c] ?? 0) * factor);
      state = normBehind(state, scale, shift);
    } else {
      const out = weight.shape[0] ?? 0;
      const made = dense(toFloats(weight), bias ? toFloats(bias) : new Float64Array(out), state.pending);
      state = { ...state, layers: [...state.layers, made], pending: null };
      isActive = false;
    }
    const next = chain[index + 1];
    const last = state.layers.at(-1);
    if (!next || !last || isActive || !leavesRoom(module, next, chain[index + 2])) continue;
    state = {
      ...state,
      layers: [...state.layers.slice(0, -1), { ...last, activation: options.activation ?? 'relu' }],
    };
    [isActive, isAssumed] = [true, true];
  }
  return { layers: state.layers, isAssumed };
}

/** Whether an activation stands between two modules, as far as their names tell. */
function leavesRoom(module: WeightModule, next: WeightModule, afterNext: WeightModule | undefined): boolean {
  const room = gap(module.path, next.path);
  if (room === null) return modulePath(module.path) === modulePath(next.path);
  if (next.kind !== 'norm') return room > 1;
  const later = afterNext ? gap(next.path, afterNext.path) : null;
  // Dense, norm, activation: the room is behind the norm.
  return room > 1 && !(later !== null && later > 1 && room === 1);
}

/** The difference of the numbers of two modules of one Sequential. */
function gap(a: string, b: string): number | null {
  const [first, second] = [a, b].map((path) => /^(.*?)(\d+)$/.exec(path));
  if (!first || !second || first[1] !== second[1] || !/(^|\.)$/.test(first[1] ?? '')) return null;
  return Number(second[2]) - Number(first[2]);
}
