/** The options of `load()`, checked for callers without types. */
import type { LoadOptions } from '../api.js';
import { OptionError } from '../core/errors.js';

const isWhole = (value: unknown): boolean => Number.isInteger(value) && Number(value) > 0;

/** @throws OptionError that names the option, its value and what it can be */
export function checkOptions(options: LoadOptions): void {
  const { precision = 'f32', weights = 'f32', batch = 1, inputSize = [1, 1], device } = options;
  const check = (option: keyof LoadOptions, isRight: boolean, allowed: string) => {
    if (!isRight) throw new OptionError(option, `${option} is ${options[option]}: make it ${allowed}`);
  };
  check('precision', /^(auto|f32|f16)$/.test(precision), 'auto, f32 or f16');
  check('weights', /^f(32|16)$/.test(weights), 'f32 or f16');
  check('batch', isWhole(batch), 'a whole number, 1 or more');
  check('inputSize', inputSize.length === 2 && inputSize.every(Number.isInteger), '[height, width]');
  check('device', !device || 'queue' in device, 'a GPUDevice');
}
