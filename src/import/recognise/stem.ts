/** The stem's convolution in one of the sizes that run: kernels of 3 (stride 1) and 7; its own input folded in. */
import { ModelShapeError } from '../../core/errors.js';
import { elementCount, floatTensor, type Tensor, toFloat32 } from '../../tensor/tensor.js';
import type { Conv, Stem } from './graph-state.js';

/** @throws ModelShapeError when a gray image is repeated and each copy has a mean of its own */
export function stemConv(stem: Stem): Pick<Conv, 'weight' | 'bias'> {
  const { conv, stride } = stem;
  const isPlain = conv.kernel === 7 || (conv.kernel === 3 && stride === 1);
  const weight = foldChannels(isPlain ? conv.weight : embed(conv.weight, 7), stem.input);
  return { weight, bias: conv.bias };
}

/** A smaller kernel in the middle of a larger one of zeros, whose padding is larger by as much, computes the same. */
function embed(weight: Tensor, side: number): Tensor {
  const [out = 0, into = 0, height = 0, width = 0] = weight.shape;
  const values = toFloat32(weight);
  const wide = new Float32Array(out * into * side * side);
  const margin = (side - height) / 2;
  for (let plane = 0; plane < out * into; plane++) {
    for (let y = 0; y < height; y++) {
      const row = values.subarray((plane * height + y) * width, (plane * height + y + 1) * width);
      wide.set(row, (plane * side + y + margin) * side + margin);
    }
  }
  return floatTensor(weight.name, [out, into, side, side], wide);
}

/** Weights for the image's own channels: those of repeated ones are summed, reversed ones change places. */
function foldChannels(weight: Tensor, { from, affine }: Stem['input']): Tensor {
  if (!from) return weight;
  const [out = 0, into = 0, height = 0, width = 0] = weight.shape;
  const channels = Math.max(...from) + 1;
  const isRepeated = new Set(from).size < from.length;
  if (isRepeated && affine && !isOneMean(affine)) throw severalMeans();
  const factor = (c: number) => (isRepeated && affine ? (affine.scale[affine.scale.length === 1 ? 0 : c] ?? 0) : 1);
  const area = height * width;
  const values = toFloat32(weight);
  const folded = new Float32Array(out * channels * area);
  for (let o = 0; o < out; o++) {
    for (let c = 0; c < into; c++) {
      const target = (o * channels + (from[c] ?? 0)) * area;
      const source = (o * into + c) * area;
      for (let t = 0; t < area; t++)
        folded[target + t] = (folded[target + t] ?? 0) + factor(c) * (values[source + t] ?? 0);
    }
  }
  return floatTensor(
    weight.name,
    [out, channels, height, width],
    folded.subarray(0, elementCount([out, channels, area])),
  );
}

interface Affine {
  readonly scale: readonly number[];
  readonly shift: readonly number[];
}

/** Whether scale · x + shift = scale · (x − mean) with one mean for all channels. */
function isOneMean({ scale, shift }: Affine): boolean {
  const means = shift.map((value, c) => -value / (scale[c] ?? 1));
  return means.every((mean) => Math.abs(mean - (means[0] ?? 0)) <= 1e-6 * Math.abs(mean));
}

/** What the network does to the image itself, as far as it is not in the weights. */
export function sourceInputOf({ from, affine }: Stem['input']): Affine | null {
  if (!affine) return null;
  const { scale, shift } = affine;
  if (!from) return affine;
  const isRepeated = new Set(from).size < from.length;
  if (isRepeated) {
    const mean = -(shift[0] ?? 0) / (scale[0] ?? 1);
    return mean === 0 ? null : { scale: [1], shift: [-mean] };
  }
  const channel = (list: readonly number[], c: number) => list[list.length === 1 ? 0 : from.indexOf(c)] ?? 0;
  return {
    scale: from.map((_, c) => channel(scale, c)),
    shift: from.map((_, c) => channel(shift, c)),
  };
}

function severalMeans(): ModelShapeError {
  return new ModelShapeError(
    'not a DenseNet that can be run here: the network repeats a gray image and then subtracts another mean from each ' +
      'copy; export it without this normalisation, and give one mean with --preprocess',
    { missing: [], extra: [], misshaped: [] },
  );
}
