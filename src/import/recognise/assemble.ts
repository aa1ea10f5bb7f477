/** The recognised network → tensors under canonical names, and what they do not show. */
import { type NetworkFacts, TORCH_BN_EPSILON } from '../../model/config.js';
import { names } from '../../model/tensors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { averagesFirst, headTensors, joinLinear, withoutSlopes } from './dense.js';
import type { Block, Conv, HeadVector, Stem } from './graph-state.js';
import { type Norm, withEpsilon } from './norm.js';
import { stemConv } from './stem.js';

export interface Assembled {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly facts: Required<NetworkFacts>;
  readonly stem: Stem;
}

/** Norms with another epsilon than the least positive one are rewritten for that; the function stays the same. */
export function assemble({ pool, layers }: HeadVector): Assembled {
  const { stem, blocks } = unfold(pool.from);
  const norms = new Map<string, Norm>();
  const tensors = new Map<string, Tensor>();
  const put = (name: string, tensor: Tensor) => tensors.set(name, { ...tensor, name });
  const conv = (name: string, { weight, bias }: Omit<Conv, 'kernel' | 'out'>) => {
    put(`${name}.weight`, weight);
    if (bias) put(`${name}.bias`, bias);
  };
  conv(names.stemConv, stemConv(stem));
  if (stem.norm) norms.set(names.stemNorm, stem.norm);
  for (const [index, { entry, layers: denseLayers }] of blocks.entries()) {
    const b = index + 1;
    if (entry.kind === 'transition') {
      norms.set(names.transition(index, 'norm'), entry.norm);
      conv(names.transition(index, 'conv'), entry.conv);
    }
    for (const [at, layer] of denseLayers.entries()) {
      const name = (part: 'norm1' | 'conv1' | 'norm2' | 'conv2') => names.layer(b, at + 1, part);
      norms.set(name('norm1'), layer.norm);
      conv(name('conv1'), layer.reduce?.conv ?? layer.conv);
      if (!layer.reduce) continue;
      norms.set(name('norm2'), layer.reduce.norm);
      conv(name('conv2'), layer.conv);
    }
  }
  norms.set(names.finalNorm, pool.norm);
  const joined = withoutSlopes(joinLinear(layers));
  const head = pool.kinds.length > 1 && pool.kinds[0] === 'max' ? averagesFirst(joined) : joined;
  for (const [name, tensor] of headTensors(head)) put(name, tensor);
  const bnEpsilon = commonEpsilon(norms);
  for (const [name, norm] of norms) {
    const { gamma, beta, mean, variance } = withEpsilon(norm, bnEpsilon);
    const values = { weight: gamma, bias: beta, running_mean: mean, running_var: variance };
    for (const [leaf, list] of Object.entries(values)) put(`${name}.${leaf}`, doubles(list, [list.length]));
  }
  const facts = {
    bnEpsilon,
    stemNorm: stem.norm !== null,
    stemStride: stem.conv.kernel === 7 ? stem.stride : stem.conv.kernel === 3 && stem.stride === 1 ? 1 : 2,
    stemPool: stem.isPooled,
    finalRelu: pool.hasRelu,
    pooling: pool.kinds.length > 1 ? 'both' : (pool.kinds[0] ?? 'average'),
    hiddenActivations: head.slice(0, -1).map(({ activation }) => activation),
  } as const;
  return { tensors, facts, stem };
}

/** The stem and the blocks in order, from the last block back. */
function unfold(last: Block): { stem: Stem; blocks: Block[] } {
  const blocks = [last];
  let { entry } = last;
  while (entry.kind === 'transition') {
    blocks.unshift(entry.from);
    entry = entry.from.entry;
  }
  return { stem: entry, blocks };
}

function commonEpsilon(norms: ReadonlyMap<string, Norm>): number {
  const positive = [...norms.values()].map(({ epsilon }) => epsilon).filter((epsilon) => epsilon > 0);
  return positive.length > 0 ? Math.min(...positive) : TORCH_BN_EPSILON;
}

function doubles(values: Float64Array, shape: readonly number[]): Tensor {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name: '', dtype: 'F64', shape, bytes };
}
