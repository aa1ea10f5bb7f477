/** The recognised network → tensors under canonical names, and the batch-norm epsilon that they share. */
import { TORCH_BN_EPSILON } from '../../model/config.js';
import { names } from '../../model/tensors.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Block, Conv, Logits, Stem } from './graph-state.js';
import { type Norm, withEpsilon } from './norm.js';

export interface Assembled {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly bnEpsilon: number;
}

/** Norms with another epsilon than the least positive one are rewritten for that; the function stays the same. */
export function assemble(logits: Logits): Assembled {
  const { stem, blocks } = unfold(logits.from);
  const norms = new Map<string, Norm>();
  const tensors = new Map<string, Tensor>();
  const put = (name: string, tensor: Tensor) => tensors.set(name, { ...tensor, name });
  const conv = (name: string, { weight, bias }: Conv) => {
    put(`${name}.weight`, weight);
    if (bias) put(`${name}.bias`, bias);
  };
  conv(names.stemConv, stem.conv);
  if (stem.norm) norms.set(names.stemNorm, stem.norm);
  for (const [index, { entry, layers }] of blocks.entries()) {
    const b = index + 1;
    if (entry.kind === 'transition') {
      norms.set(names.transition(index, 'norm'), entry.norm);
      conv(names.transition(index, 'conv'), entry.conv);
    }
    for (const [at, layer] of layers.entries()) {
      const name = (part: 'norm1' | 'conv1' | 'norm2' | 'conv2') => names.layer(b, at + 1, part);
      norms.set(name('norm1'), layer.norm);
      conv(name('conv1'), layer.reduce?.conv ?? layer.conv);
      if (!layer.reduce) continue;
      norms.set(name('norm2'), layer.reduce.norm);
      conv(name('conv2'), layer.conv);
    }
  }
  norms.set(names.finalNorm, logits.norm);
  put(`${names.classifier}.weight`, logits.weight);
  if (logits.bias) put(`${names.classifier}.bias`, logits.bias);
  const bnEpsilon = commonEpsilon(norms);
  for (const [name, norm] of norms) {
    const { gamma, beta, mean, variance } = withEpsilon(norm, bnEpsilon);
    put(`${name}.weight`, doubles(gamma));
    put(`${name}.bias`, doubles(beta));
    put(`${name}.running_mean`, doubles(mean));
    put(`${name}.running_var`, doubles(variance));
  }
  return { tensors, bnEpsilon };
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

function doubles(values: Float64Array): Tensor {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name: '', dtype: 'F64', shape: [values.length], bytes };
}
