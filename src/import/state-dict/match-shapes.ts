/**
 * The body of a DenseNet found by order and shape, whatever its names: a walk along the convolutions, each of which must
 * take the channels that have gathered so far, tells layers from transitions; norms follow by their channel counts.
 */
import { names } from '../../model/tensors.js';
import { naturalOrder, type WeightModule } from './modules.js';

export interface ShapeMatch {
  /** Module in the file → canonical module. */
  readonly modules: ReadonlyMap<string, string>;
  /** Channels that leave the last block. */
  readonly channels: number;
}

/** How far the walk came, for the error. */
export interface NearMiss {
  readonly matched: number;
  readonly of: number;
  readonly why: string;
}

/** More than any member of the family has. */
const MOST_MODULES = 4000;

/** @returns the match, or the nearest miss of both orders */
export function matchShapes(modules: readonly WeightModule[]): ShapeMatch | NearMiss {
  if (modules.length > MOST_MODULES) return { matched: 0, of: modules.length, why: `it has ${modules.length} modules` };
  const inFile = new Walk(modules).run();
  if ('modules' in inFile) return inFile;
  const sorted = new Walk(naturalOrder(modules)).run();
  return 'modules' in sorted || sorted.matched > inFile.matched ? sorted : inFile;
}

const sidesOf = ({ weight }: WeightModule) => {
  const [out = 0, into = 0, height = 0, width = 0] = weight.shape;
  return { out, into, kernel: height === width ? height : 0 };
};

class Walk {
  readonly #convolutions: WeightModule[];
  readonly #norms: WeightModule[];
  readonly #total: number;
  readonly #found = new Map<string, string>();
  /** Canonical norms in the order of the computation, with their channels. */
  readonly #wanted: { readonly name: string; readonly channels: number }[] = [];

  constructor(modules: readonly WeightModule[]) {
    this.#convolutions = modules.filter((module) => module.kind === 'conv' && sidesOf(module).kernel > 0);
    this.#norms = modules.filter(({ kind }) => kind === 'norm');
    this.#total = this.#convolutions.length;
  }

  run(): ShapeMatch | NearMiss {
    const stem = this.#convolutions.shift();
    if (!stem) return this.#miss('it has no convolutions');
    const { out, kernel } = sidesOf(stem);
    if (kernel !== 3 && kernel !== 7)
      return this.#miss(`"${stem.path}" is the first convolution, of ${kernel}×${kernel}`);
    this.#found.set(stem.path, names.stemConv);
    this.#wanted.push({ name: names.stemNorm, channels: out });
    let channels = out;
    const first = this.#convolutions[0];
    const isPlain = first !== undefined && sidesOf(first).kernel === 3;
    let [b, i] = [1, 1];
    while (this.#convolutions.length > 0) {
      const layer = this.#takeLayer(channels, isPlain);
      if (layer) {
        this.#nameLayer(layer, b, i++, channels);
        channels += sidesOf(layer.at(-1) ?? stem).out;
        continue;
      }
      const transition = i > 1 ? this.#takeTransition(channels) : null;
      if (!transition) return this.#miss(this.#expectation(channels, isPlain));
      this.#wanted.push({ name: names.transition(b, 'norm'), channels });
      this.#found.set(transition.path, names.transition(b, 'conv'));
      channels = sidesOf(transition).out;
      [b, i] = [b + 1, 1];
    }
    this.#wanted.push({ name: names.finalNorm, channels });
    return this.#nameNorms(channels);
  }

  #expectation(channels: number, isPlain: boolean): string {
    const [next] = this.#convolutions;
    const kind = isPlain ? '3×3' : '1×1 (and a 3×3 that takes what it makes)';
    return `expected a ${kind} convolution or a 1×1 transition of ${channels} input channels, found "${next?.path}" [${next?.weight.shape}]`;
  }

  /** The next convolutions in order, if they make a layer. */
  #takeLayer(channels: number, isPlain: boolean): readonly WeightModule[] | null {
    const [first, second] = this.#convolutions;
    if (!first || sidesOf(first).into !== channels) return null;
    const { kernel, out } = sidesOf(first);
    if (isPlain) return kernel === 3 ? this.#convolutions.splice(0, 1) : null;
    const isLayer = kernel === 1 && second && sidesOf(second).kernel === 3 && sidesOf(second).into === out;
    return isLayer ? this.#convolutions.splice(0, 2) : null;
  }

  /** The next convolution, or, where transitions are registered behind all blocks, the first that leads on. */
  #takeTransition(channels: number): WeightModule | null {
    const isOne = (module: WeightModule) => sidesOf(module).kernel === 1 && sidesOf(module).into === channels;
    const [next] = this.#convolutions;
    if (!next) return null;
    const at = isOne(next)
      ? 0
      : this.#convolutions.findIndex((module) => isOne(module) && sidesOf(module).out === sidesOf(next).into);
    return at < 0 ? null : (this.#convolutions.splice(at, 1)[0] ?? null);
  }

  #nameLayer(layer: readonly WeightModule[], b: number, i: number, channels: number): void {
    const [first, second] = layer;
    this.#wanted.push({ name: names.layer(b, i, 'norm1'), channels });
    if (first) this.#found.set(first.path, names.layer(b, i, 'conv1'));
    if (!first || !second) return;
    this.#wanted.push({ name: names.layer(b, i, 'norm2'), channels: sidesOf(first).out });
    this.#found.set(second.path, names.layer(b, i, 'conv2'));
  }

  /** Each in turn takes the first free norm of its width; the stem has one only if one is left for it. */
  #nameNorms(channels: number): ShapeMatch | NearMiss {
    const others = this.#wanted.slice(1);
    const stem = this.#wanted[0];
    const width = stem?.channels;
    const needed = others.filter((norm) => norm.channels === width).length;
    const there = this.#norms.filter(({ weight }) => weight.shape[0] === width).length;
    const free = new Map<number, WeightModule[]>();
    for (const norm of this.#norms) {
      const size = norm.weight.shape[0] ?? 0;
      free.set(size, [...(free.get(size) ?? []), norm]);
    }
    for (const { name, channels: size } of stem && there > needed ? this.#wanted : others) {
      const norm = free.get(size)?.shift();
      if (!norm) return this.#miss(`no batch norm of ${size} channels is left for ${name}`);
      this.#found.set(norm.path, name);
    }
    return { modules: this.#found, channels };
  }

  #miss(why: string): NearMiss {
    return { matched: this.#total - this.#convolutions.length, of: this.#total, why };
  }
}
