/** What Keras layers do to an image before the first convolution, as arithmetic with constants. */
import { toFloat32 } from '../../tensor/tensor.js';
import type { Constant } from '../graph/constant.js';
import { numbersIn, numbersOf, textOf } from './config.js';
import type { Layer } from './network.js';

export interface ImageStep {
  readonly op: 'Mul' | 'Div' | 'Add' | 'Sub';
  readonly values: readonly number[];
  /** The constant is the left operand. */
  readonly isFirst?: boolean;
}

/** Operator layers of Keras 3, and the functions of Keras 2's TFOpLambda, by the last part of their names. */
const OPERATORS: Readonly<Record<string, ImageStep['op']>> = {
  TrueDivide: 'Div',
  Divide: 'Div',
  truediv: 'Div',
  divide: 'Div',
  Subtract: 'Sub',
  subtract: 'Sub',
  sub: 'Sub',
  Add: 'Add',
  add: 'Add',
  bias_add: 'Add',
  Multiply: 'Mul',
  multiply: 'Mul',
  mul: 'Mul',
};

/** @returns `null` for a layer that does something else */
export function imageSteps(layer: Layer, constants: ReadonlyMap<string, Constant>): readonly ImageStep[] | null {
  if (layer.kind === 'Rescaling') {
    const [scale, offset] = [numbersOf(layer, 'scale'), numbersOf(layer, 'offset')];
    if (scale.length === 0) return null;
    return [
      { op: 'Mul', values: scale },
      ...(offset.some((value) => value !== 0) ? [{ op: 'Add', values: offset } as const] : []),
    ];
  }
  if (layer.kind === 'Normalization') return normalization(layer, constants);
  const name = layer.kind === 'TFOpLambda' ? textOf(layer, 'function', '').split('.').at(-1) : layer.kind;
  const op = name !== undefined && Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined;
  const [operand, ...others] = layer.operands;
  if (!op || !operand || others.length > 0) return null;
  return [{ op, values: operand.values, isFirst: operand.isFirst }];
}

/** (x − mean) / max(√variance, 1e-7), from the config or adapted to data and stored. */
function normalization(layer: Layer, constants: ReadonlyMap<string, Constant>): readonly ImageStep[] | null {
  const values = (option: 'mean' | 'variance'): number[] => {
    const given = numbersIn(layer.config.get(option) ?? null);
    if (given) return given;
    const stored = constants.get(`${layer.name}/${option}`);
    return stored?.kind === 'floats' ? [...toFloat32(stored.tensor)] : [];
  };
  const [mean, variance] = [values('mean'), values('variance')];
  if (mean.length === 0 || variance.length !== mean.length || layer.config.get('invert') === true) return null;
  return [
    { op: 'Sub', values: mean },
    { op: 'Div', values: variance.map((value) => Math.max(Math.sqrt(value), 1e-7)) },
  ];
}
