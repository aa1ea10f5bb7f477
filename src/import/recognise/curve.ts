/**
 * Activations written out as arithmetic (GELU as `0.5 · x · (1 + erf(x / √2))`, or with a tanh): every step between is a
 * function of the same values, known by its samples, and the last one is compared with the activations that there are.
 */
import type { HeadActivation } from '../../model/config.js';
import { elementCount, toFloats } from '../../tensor/tensor.js';
import type { Constant } from '../graph/constant.js';
import { type Node, unsupportedNode } from '../graph/node.js';
import type { Operands } from '../graph/operands.js';
import { normBehind } from './dense.js';
import { type Curve, type GraphState, type HeadVector, unexpected } from './graph-state.js';
import { isHeadActivation, widthOf } from './head.js';

/** Where functions are sampled: dense and wide enough to tell the activations apart. */
const POINTS = Float64Array.from({ length: 65 }, (_, i) => (i - 32) / 4);

/** Abramowitz and Stegun, 7.1.26: to within 1.5e-7, as the kernels compute it. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - p * Math.exp(-x * x));
}

/** Those that exporters write out. */
const WRITTEN_OUT: readonly (readonly [HeadActivation, (x: number) => number])[] = [
  ['gelu', (x) => 0.5 * x * (1 + erf(x / Math.SQRT2))],
  ['gelu-tanh', (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))],
  ['relu', (x) => Math.max(0, x)],
];

/** Constants of f16 are 1e-4 off; the two forms of GELU differ by 4.7e-4. */
const TOLERANCE = 2e-4;

const UNARY: Readonly<Record<string, (x: number) => number>> = {
  Erf: erf,
  Tanh: Math.tanh,
  Relu: (x) => Math.max(0, x),
};

const BINARY: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Pow: (a, b) => a ** b,
};

const isPointwise = (state: GraphState): state is HeadVector | Curve => state.at === 'vector' || state.at === 'curve';
const baseOf = (state: HeadVector | Curve): HeadVector => (state.at === 'curve' ? state.of : state);
const samplesOf = (state: HeadVector | Curve): Float64Array => (state.at === 'curve' ? state.samples : POINTS);

/** A function of the head's values, or of one value and a constant; `null` for all other nodes. */
export function curveOf(node: Node, state: GraphState, [operand]: Operands): Curve | null {
  if (!isPointwise(state)) return null;
  const samples = samplesOf(state);
  const made = (values: Float64Array): Curve => ({ at: 'curve', of: baseOf(state), samples: values });
  const unary = Object.hasOwn(UNARY, node.op) ? UNARY[node.op] : undefined;
  // An activation of the layer itself, scaled and shifted or not, is no step of another.
  if (unary && isHeadActivation(node.op) && lineOf(samples)) return null;
  if (unary) return made(samples.map(unary));
  const binary = Object.hasOwn(BINARY, node.op) ? BINARY[node.op] : undefined;
  const constant = operand ? numberOf(operand) : null;
  // A norm or a bias of a single feature.
  const isOfFeature = widthOf(baseOf(state)) === 1 && state.at === 'vector' && node.op !== 'Pow';
  if (!binary || constant === null || isOfFeature) return null;
  return made(samples.map((value) => binary(value, constant)));
}

/** `null` for more than one number. */
function numberOf(operand: Constant): number | null {
  if (operand.kind === 'ints') return operand.values.length === 1 ? (operand.values[0] ?? null) : null;
  if (operand.kind === 'opaque') return null;
  return elementCount(operand.tensor.shape) === 1 ? (toFloats(operand.tensor)[0] ?? null) : null;
}

/** Arithmetic of two functions of the same values; `null` for anything else. */
export function joinCurves(node: Node, states: readonly GraphState[]): Curve | null {
  const [a, b, ...others] = states;
  const binary = Object.hasOwn(BINARY, node.op) ? BINARY[node.op] : undefined;
  if (!binary || !a || !b || others.length > 0 || !isPointwise(a) || !isPointwise(b) || baseOf(a) !== baseOf(b))
    return null;
  const [left, right] = [samplesOf(a), samplesOf(b)];
  return { at: 'curve', of: baseOf(a), samples: left.map((value, i) => binary(value, right[i] ?? Number.NaN)) };
}

/** What a function does to its values: a scale and shift, or the last layer's activation. @throws ModelShapeError */
export function settled(node: Node, state: GraphState): Exclude<GraphState, Curve> {
  if (state.at !== 'curve') return state;
  const { of, samples } = state;
  const line = lineOf(samples);
  if (line) {
    const fill = (value: number) => new Float64Array(widthOf(of)).fill(value);
    return normBehind(of, fill(line.scale), fill(line.shift));
  }
  const last = of.layers.at(-1);
  if (!last || of.pending || last.activation !== 'none')
    throw unsupportedNode(node, 'expected an activation behind a dense layer of the head');
  const distance = (f: (x: number) => number) =>
    POINTS.reduce((most, x, i) => Math.max(most, Math.abs((samples[i] ?? Number.NaN) - f(x))), 0);
  const [nearest] = WRITTEN_OUT.map(([name, f]) => ({ name, error: distance(f) })).sort((p, q) => p.error - q.error);
  if (nearest && nearest.error <= TOLERANCE)
    return { ...of, layers: [...of.layers.slice(0, -1), { ...last, activation: nearest.name }] };
  throw unexpected(node, of, ', found arithmetic that is none of the known activations (ReLU, GELU and its tanh form)');
}

/** `null` for what is not straight. */
function lineOf(samples: Float64Array): { readonly scale: number; readonly shift: number } | null {
  const middle = (samples.length - 1) / 2;
  const shift = samples[middle] ?? Number.NaN;
  const scale = (samples[middle + 4] ?? Number.NaN) - shift;
  const isStraight = POINTS.every((x, i) => Math.abs((samples[i] ?? Number.NaN) - (scale * x + shift)) <= 1e-9);
  return isStraight ? { scale, shift } : null;
}
