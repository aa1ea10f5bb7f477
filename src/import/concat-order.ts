/**
 * Some code bases concatenate a layer's *new* features in front of the old ones. Shapes do not show it; the user says
 * it, and the weights are permuted here so that the runtime knows one order only: old first. What the source framework
 * computed is permuted likewise when it is compared.
 */
import type { DenseNetConfig } from '../model/config.js';
import { blockInputs, names } from '../model/tensors.js';
import { DTYPE_BYTES, elementCount, type Tensor, type TensorMap } from '../tensor/tensor.js';

/**
 * @param tensors canonical, of a net that concatenates new features first
 * @returns the same network for a runtime that concatenates old features first
 */
export function oldFeaturesFirst(tensors: TensorMap, config: DenseNetConfig): TensorMap {
  const out = new Map(tensors);
  for (const [index, layers] of config.blocks.entries()) {
    const b = index + 1;
    for (let i = 1; i <= layers; i++) {
      const order = positions(config, index, i - 1);
      permuteNorm(out, names.layer(b, i, 'norm1'), order);
      permuteInputs(out, names.layer(b, i, 'conv1'), order);
    }
    const order = positions(config, index, layers);
    const isLast = b === config.blocks.length;
    permuteNorm(out, isLast ? names.finalNorm : names.transition(b, 'norm'), order);
    if (isLast) permuteInputs(out, config.hidden ? names.hidden(1) : names.classifier, pooledOrder(config, order));
    else permuteInputs(out, names.transition(b, 'conv'), order);
  }
  return out;
}

/**
 * @param taps what a net that concatenates new features first computed: `block1`…, `final`, `pooled` and others
 * @returns the same with their channels in the order that the permuted network computes them
 */
export function tapsOldFirst(taps: TensorMap, config: DenseNetConfig): TensorMap {
  const out = new Map(taps);
  for (const [index, layers] of config.blocks.entries()) {
    const isLast = index === config.blocks.length - 1;
    const order = positions(config, index, layers);
    const put = (name: string, channels: readonly number[]) => {
      const tap = taps.get(name);
      if (tap?.shape[1] === channels.length) out.set(name, permute(tap, 1, channels));
    };
    put(`block${index + 1}`, order);
    if (!isLast) continue;
    put('final', order);
    put('pooled', pooledOrder(config, order));
  }
  return out;
}

/**
 * For each channel behind `layers` layers of a block in old-first order, where it stands in new-first order: what
 * layer `l` added stands `layers - 1 - l` additions from the front, and what entered the block behind them all.
 */
function positions(config: DenseNetConfig, index: number, layers: number): number[] {
  const growth = config.growthRate;
  const channels = blockInputs(config)[index] ?? 0;
  const old = Array.from({ length: channels }, (_, c) => layers * growth + c);
  const grown = Array.from({ length: layers }, (_, l) =>
    Array.from({ length: growth }, (_, c) => (layers - 1 - l) * growth + c),
  );
  return [...old, ...grown.flat()];
}

/** Of the pooled vector: maxima stand behind the averages in the same order. */
const pooledOrder = ({ pooling }: DenseNetConfig, order: readonly number[]): readonly number[] =>
  pooling === 'both' ? [...order, ...order.map((from) => order.length + from)] : order;

function permuteNorm(tensors: Map<string, Tensor>, name: string, order: readonly number[]): void {
  for (const leaf of ['weight', 'bias', 'running_mean', 'running_var']) {
    const tensor = tensors.get(`${name}.${leaf}`);
    if (tensor) tensors.set(tensor.name, permute(tensor, 0, order));
  }
}

function permuteInputs(tensors: Map<string, Tensor>, name: string, order: readonly number[]): void {
  const tensor = tensors.get(`${name}.weight`);
  if (tensor) tensors.set(tensor.name, permute(tensor, 1, order));
}

/** out[…, j, …] = in[…, order[j], …] along `axis`, whatever the element type. */
function permute(tensor: Tensor, axis: number, order: readonly number[]): Tensor {
  const inner = elementCount(tensor.shape.slice(axis + 1)) * DTYPE_BYTES[tensor.dtype];
  const row = order.length * inner;
  const bytes = new Uint8Array(tensor.bytes.length);
  for (let start = 0; start < bytes.length; start += row) {
    for (const [j, from] of order.entries()) {
      bytes.set(tensor.bytes.subarray(start + from * inner, start + (from + 1) * inner), start + j * inner);
    }
  }
  return { ...tensor, bytes };
}
