/**
 * A whole PyTorch module as the recogniser reads it. The file holds every layer with its attributes, but not what
 * `forward` does with them: the weights' names say which layer stands where, the layers between two of them (activations,
 * pools, dropouts) are taken in the order of registration, and what must have been called as a function (a ReLU behind a
 * norm, a transition's pool) is added.
 */

import type { DenseNetConfig } from '../../model/config.js';
import { names } from '../../model/tensors.js';
import type { TensorMap } from '../../tensor/tensor.js';
import { LayerNode, type NetworkGraph } from '../graph/node.js';
import { isActivation, isPool, moduleNode, operatorOf } from './module-nodes.js';
import { classOf, isKnownNetwork, type Module } from './modules.js';

export interface ModuleOptions {
  readonly concat: 'old-first' | 'new-first';
  /** Used where no module shows it. */
  readonly stemPool: boolean | undefined;
  readonly finalRelu: boolean | undefined;
  readonly pooling: 'average' | 'max' | undefined;
}

type Unknown = 'stemPool' | 'finalRelu' | 'concat' | 'pooling';

export interface ModuleGraph {
  readonly graph: NetworkGraph;
  /** Facts that no module shows. */
  readonly unknown: ReadonlySet<Unknown>;
}

/**
 * @param modules in the order of registration
 * @param tensors as the file names them
 * @param sources canonical name → name in the file, of the body's tensors
 * @param config that the body's shapes make
 * @returns `null` when a module of the body is not there as an object
 */
export function graphOfModules(
  modules: readonly Module[],
  tensors: TensorMap,
  sources: ReadonlyMap<string, string>,
  config: DenseNetConfig,
  options: ModuleOptions,
): ModuleGraph | null {
  const builder = new Builder(modules, tensors, sources, options);
  try {
    return builder.build(config);
  } catch (error) {
    if (error instanceof MissingModule) return null;
    throw error;
  }
}

class MissingModule extends Error {}

class Builder {
  readonly #byPath: ReadonlyMap<string, number>;
  readonly #nodes: LayerNode[] = [];
  readonly #unknown = new Set<Unknown>();
  readonly #body = new Set<number>();
  readonly #isKnown: boolean;
  #value = 'image';

  constructor(
    private readonly modules: readonly Module[],
    private readonly tensors: TensorMap,
    private readonly sources: ReadonlyMap<string, string>,
    private readonly options: ModuleOptions,
  ) {
    this.#byPath = new Map(modules.map(({ path }, index) => [path, index]));
    this.#isKnown = modules.some(isKnownNetwork);
  }

  build(config: DenseNetConfig): ModuleGraph {
    const at = (name: string) => this.#indexOf(name);
    const layers = config.blocks.map((count, index) =>
      Array.from({ length: count }, (_, i) => {
        const name = (part: 'norm1' | 'conv1' | 'norm2' | 'conv2') => names.layer(index + 1, i + 1, part);
        const isWide = config.bottleneck === null;
        return (
          isWide ? [name('norm1'), name('conv1')] : [name('norm1'), name('conv1'), name('norm2'), name('conv2')]
        ).map(at);
      }),
    );
    const transitions = config.transitions.map((_, index) => [
      at(names.transition(index + 1, 'norm')),
      at(names.transition(index + 1, 'conv')),
    ]);
    const stem = [
      at(names.stemConv),
      ...(config.stemNorm && this.sources.has(`${names.stemNorm}.weight`) ? [at(names.stemNorm)] : []),
    ];
    const last = at(names.finalNorm);
    for (const index of [...stem, ...layers.flat(2), ...transitions.flat(), last]) this.#body.add(index);
    const firstNorm = layers[0]?.[0]?.[0] ?? last;
    this.#stem(stem, firstNorm);
    for (const [b, block] of layers.entries()) {
      for (const [i, layer] of block.entries()) this.#layer(layer, block[i + 1]?.[0] ?? transitions[b]?.[0] ?? last);
      const transition = transitions[b];
      if (transition) this.#transition(transition, layers[b + 1]?.[0]?.[0] ?? last);
    }
    this.#head(last);
    if (!this.#isKnown) this.#unknown.add('concat');
    const channels = this.tensors.get(this.sources.get(`${names.stemConv}.weight`) ?? '')?.shape[1] ?? null;
    return {
      graph: {
        inputs: [{ name: 'image', dims: [null, channels, null, null] }],
        outputs: [this.#value],
        nodes: this.#nodes,
        constant: (name) => {
          const tensor = this.tensors.get(name);
          return tensor ? { kind: 'floats', tensor } : null;
        },
      },
      unknown: this.#unknown,
    };
  }

  #indexOf(canonical: string): number {
    const source = this.sources.get(`${canonical}.weight`) ?? '';
    const index = this.#byPath.get(source.slice(0, Math.max(0, source.lastIndexOf('.'))));
    if (index === undefined) throw new MissingModule();
    return index;
  }

  #module(index: number): Module {
    const module = this.modules[index];
    if (!module) throw new MissingModule();
    return module;
  }

  /** Leaves between two modules that are not the body's own. */
  #between(from: number, to: number): number[] {
    return Array.from({ length: Math.max(0, to - from - 1) }, (_, i) => from + 1 + i).filter(
      (index) => this.#module(index).isLeaf && !this.#body.has(index),
    );
  }

  #emit(index: number): void {
    const module = this.#module(index);
    const leaves = ['weight', 'bias', 'running_mean', 'running_var'].map((leaf) => `${module.path}.${leaf}`);
    const output = `${module.path} #${this.#nodes.length}`;
    this.#nodes.push(moduleNode(module, this.#value, this.#weights(module, leaves), output));
    this.#value = output;
    if (classOf(module) === 'BatchNormAct2d') this.#emitInside(module);
  }

  #weights(module: Module, [weight = '', bias = '', mean = '', variance = '']: readonly string[]): string[] {
    const [op] = operatorOf(module);
    if (op === 'BatchNormalization') return [weight, bias, mean, variance];
    if (op === 'Conv' || op === 'Gemm') return [weight, ...(this.tensors.has(bias) ? [bias] : [])];
    return [];
  }

  /** timm's norms contain their activation. */
  #emitInside({ path }: Module): void {
    for (const [index, module] of this.modules.entries()) {
      if (module.path.startsWith(`${path}.`) && module.isLeaf) this.#emit(index);
    }
  }

  #implied(op: string, near: number, attributes: Readonly<Record<string, number | readonly number[]>> = {}): void {
    const output = `implied #${this.#nodes.length}`;
    const label = `the ${op} that must follow module ${this.#module(near).path}`;
    this.#nodes.push(new LayerNode(op, [this.#value], output, attributes, label));
    this.#value = output;
  }

  /** Norm and activation: that between it and the next, else the one that its parent keeps for several norms. */
  #normed(norm: number, next: number): void {
    this.#emit(norm);
    if (classOf(this.#module(norm)) === 'BatchNormAct2d') return;
    const between = this.#between(norm, next).filter(
      (index) => !isPool(this.#op(index)) && !this.#belongsToNext(index, norm, next),
    );
    const own = between.filter((index) => isActivation(this.#op(index)));
    if (own.length > 0) for (const index of between) this.#emit(index);
    else this.#sharedActivation(norm);
  }

  /** A module of the layer that `next` begins, registered ahead of it. */
  #belongsToNext(index: number, norm: number, next: number): boolean {
    const container = `${parentOf(this.#module(index).path)}.`;
    return this.#module(next).path.startsWith(container) && !this.#module(norm).path.startsWith(container);
  }

  #sharedActivation(norm: number): void {
    const parent = parentOf(this.#module(norm).path);
    const shared = this.modules.findIndex(
      (module) => module.isLeaf && parentOf(module.path) === parent && isActivation(operatorOf(module)[0]),
    );
    if (shared >= 0) this.#emit(shared);
    else this.#implied('Relu', norm);
  }

  #op = (index: number): string => operatorOf(this.#module(index))[0];

  #stem([conv = 0, norm]: readonly number[], next: number): void {
    this.#emit(conv);
    const end = norm ?? conv;
    const behind = this.#between(end, next);
    if (norm !== undefined) this.#normed(norm, next);
    const pools = behind.filter((index) => isPool(this.#op(index)));
    for (const index of pools) this.#emit(index);
    if (pools.length > 0) return;
    const isShown = this.#isKnown || behind.some((index) => classOf(this.#module(index)) === 'Identity');
    if (isShown) return;
    this.#unknown.add('stemPool');
    const isImagenet = this.tensors.get(`${this.#module(conv).path}.weight`)?.shape[2] === 7;
    if (this.options.stemPool ?? isImagenet)
      this.#implied('MaxPool', end, { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  }

  #layer(layer: readonly number[], next: number): void {
    const before = this.#value;
    for (let at = 0; at < layer.length; at += 2) {
      const [norm = 0, conv = 0] = [layer[at], layer[at + 1]];
      this.#normed(norm, conv);
      this.#emit(conv);
    }
    const [first = 0, last = 0] = [layer[0], layer.at(-1)];
    const parent = parentOf(this.#module(first).path);
    const behind = this.#between(last, next).filter((index) => this.#module(index).path.startsWith(`${parent}.`));
    for (const index of behind) if (!isActivation(this.#op(index))) this.#emit(index);
    const output = `concat #${this.#nodes.length}`;
    const inputs = this.options.concat === 'new-first' ? [this.#value, before] : [before, this.#value];
    this.#nodes.push(new LayerNode('Concat', inputs, output, { axis: 1 }, `the concatenation behind module ${parent}`));
    this.#value = output;
  }

  #transition([norm = 0, conv = 0]: readonly number[], next: number): void {
    this.#normed(norm, conv);
    this.#emit(conv);
    const parent = parentOf(this.#module(norm).path);
    const behind = this.#between(conv, next).filter(
      (index) => this.#module(index).path.startsWith(`${parent}.`) || isPool(this.#op(index)),
    );
    for (const index of behind) if (!isActivation(this.#op(index))) this.#emit(index);
    if (!behind.some((index) => isPool(this.#op(index))))
      this.#implied('AveragePool', conv, { kernel_shape: [2, 2], strides: [2, 2] });
  }

  /** Everything that is registered behind the last norm, in order. */
  #head(norm: number): void {
    this.#emit(norm);
    const behind = this.#between(norm, this.modules.length).filter((index) => this.#module(index).isLeaf);
    const firstWeights = behind.findIndex((index) => ['Gemm', 'BatchNormalization', 'Conv'].includes(this.#op(index)));
    const front = firstWeights < 0 ? behind : behind.slice(0, firstWeights);
    const pools = front.filter((index) => isPool(this.#op(index)));
    this.#finalRelu(norm, front, pools);
    if (pools.length === 2) this.#joinedPools(pools);
    for (const index of front)
      if (!isActivation(this.#op(index)) && (pools.length !== 2 || !isPool(this.#op(index)))) this.#emit(index);
    if (pools.length === 0) {
      if (!(this.#isKnown && this.#isOfKnownNetwork(norm))) this.#unknown.add('pooling');
      this.#implied(this.options.pooling === 'max' ? 'GlobalMaxPool' : 'GlobalAveragePool', norm);
    }
    this.#implied('Flatten', norm);
    for (const index of behind.slice(front.length)) this.#emit(index);
  }

  /** Average and maximum of one map, as fastai joins them: the maxima first. */
  #joinedPools(pools: readonly number[]): void {
    const map = this.#value;
    const inOrder = [...pools].sort((a, b) => this.#op(b).localeCompare(this.#op(a)));
    const values = inOrder.map((index) => {
      this.#value = map;
      this.#emit(index);
      return this.#value;
    });
    this.#value = `pools #${this.#nodes.length}`;
    const label = `the concatenation of the pools behind module ${parentOf(this.#module(inOrder[0] ?? 0).path)}`;
    this.#nodes.push(new LayerNode('Concat', values, this.#value, { axis: 1 }, label));
  }

  /** A pool that is registered right behind the norm shows that there is none, where other ReLUs are registered. */
  #finalRelu(norm: number, front: readonly number[], pools: readonly number[]): void {
    if (classOf(this.#module(norm)) === 'BatchNormAct2d') return;
    const own = front.filter((index) => isActivation(this.#op(index)));
    for (const index of own) this.#emit(index);
    if (own.length > 0) return;
    const registersRelus = this.modules.some((module) => module.isLeaf && isActivation(operatorOf(module)[0]));
    const isShown = this.#isKnown && this.#isOfKnownNetwork(norm);
    if (!isShown) this.#unknown.add('finalRelu');
    const otherwise = isShown || pools.length === 0 || !registersRelus;
    if (this.options.finalRelu ?? otherwise) this.#implied('Relu', norm);
  }

  /** Whether the class that owns the norm is one whose `forward` is known, and owns the head as well. */
  #isOfKnownNetwork(norm: number): boolean {
    const { path } = this.#module(norm);
    return this.modules.some(
      (module) => isKnownNetwork(module) && (module.path === '' || path.startsWith(`${module.path}.`)),
    );
  }
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('.')));
