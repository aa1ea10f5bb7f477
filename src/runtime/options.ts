/** The options of every public method, checked once, for callers without types. */
import type {
  ClassifyOptions,
  ExplainOptions,
  IntermediatesOptions,
  LoadOptions,
  OutputOptions,
  SaveOptions,
  TeachOptions,
  TrainOptions,
} from '../api.js';
import { OptionError } from '../core/errors.js';
import { parsePreprocess } from '../preprocess/parse.js';

/** What an option's value must be. */
interface Rule {
  readonly allowed: string;
  readonly accepts: (value: unknown) => boolean;
}

type Rules<T> = Readonly<Record<keyof T, Rule>>;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;
const hasMethod = (value: unknown, name: string): boolean =>
  (isObject(value) || typeof value === 'function') && typeof Reflect.get(Object(value), name) === 'function';

const rule = (allowed: string, accepts: Rule['accepts']): Rule => ({ allowed, accepts });
const oneOf = (...values: readonly string[]): Rule =>
  rule(
    `${values.length > 1 ? 'one of ' : ''}${values.join(', ')}`,
    (value) => typeof value === 'string' && values.includes(value),
  );
const TEXT = rule('a text', (value) => typeof value === 'string');
const CALLBACK = rule('a function', (value) => typeof value === 'function');
const SIGNAL = rule('an AbortSignal', (value) => hasMethod(value, 'addEventListener') && 'aborted' in Object(value));

/** The longest delay of `setTimeout`: longer ones fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

const LOAD: Rules<LoadOptions> = {
  device: rule('a GPUDevice', (value) => hasMethod(value, 'createBuffer') && isObject(value) && isObject(value.queue)),
  gpu: rule('a GPU: navigator.gpu, or create([]) of npm webgpu', (value) => hasMethod(value, 'requestAdapter')),
  precision: oneOf('auto', 'f32', 'f16'),
  weights: oneOf('f32', 'f16'),
  batch: rule('a whole number, 1 or more', isWhole),
  inputSize: rule(
    '[height, width], two whole numbers',
    (value) => Array.isArray(value) && value.length === 2 && Array.from(value).every(isWhole),
  ),
  // Checked field by field, with a message for each.
  preprocess: rule('a preprocessing specification', (value) => isObject(parsePreprocess(value))),
  head: rule(
    'a file of toSafetensors({ headOnly: true }): its URL, a Blob or its bytes',
    (value) => typeof value === 'string' || isObject(value),
  ),
  hub: TEXT,
  integrity: TEXT,
  cache: rule('true or false', (value) => typeof value === 'boolean'),
  tune: rule('true, false or { budget, store }', (value) => typeof value === 'boolean' || isTuneOptions(value)),
  tuned: rule(
    'the choices of an earlier load',
    (value) => isObject(value) && Object.values(value).every((choice) => typeof choice === 'string'),
  ),
  onProgress: CALLBACK,
  onWarning: CALLBACK,
  timeout: rule(
    `milliseconds above 0, at most ${MAX_TIMEOUT_MS}`,
    (value) => typeof value === 'number' && value > 0 && value <= MAX_TIMEOUT_MS,
  ),
  signal: SIGNAL,
};

function isTuneOptions(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { budget = 0, store, ...rest } = value;
  const isStore = store === undefined || (hasMethod(store, 'getItem') && hasMethod(store, 'setItem'));
  return typeof budget === 'number' && budget >= 0 && isStore && Object.keys(rest).length === 0;
}

const CALL = { signal: SIGNAL };
const CLASSIFY: Rules<ClassifyOptions> = { ...CALL, topK: rule('a whole number of classes, 1 or more', isWhole) };
const EXPLAIN: Rules<ExplainOptions> = {
  ...CALL,
  classIndex: rule(
    'the index of a class, counted from 0',
    (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  ),
};
const TAPS: Rules<IntermediatesOptions> = {
  ...CALL,
  only: rule(
    'a list of names, one or more',
    (value) => Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string'),
  ),
};

const OUTPUT: Rules<OutputOptions> = { ...CALL, output: oneOf('gpu-buffer') };

/** Sides of an overlay: as large as a GPU's textures get. */
const SIDE = rule('a whole number of pixels, 1 to 16384', (value) => isWhole(value) && value <= 16384);
const OVERLAY = {
  width: SIDE,
  height: SIDE,
  scale: oneOf('positive', 'signed'),
  max: rule("a number above zero, such as the map's magnitude", (value) => typeof value === 'number' && value > 0),
};

const TEACH: Rules<TeachOptions> = {
  none: rule('a name that no class has', (value) => typeof value === 'string' && value !== ''),
};
const TRAIN: Rules<TrainOptions> = { ...CALL, onProgress: CALLBACK };
const SAVE: Rules<SaveOptions> = { headOnly: rule('true or false', (value) => typeof value === 'boolean') };

const RULES = {
  ...{ load: LOAD, classify: CLASSIFY, embed: OUTPUT, explain: EXPLAIN, run: OUTPUT, taps: TAPS },
  ...{ teach: TEACH, addExample: CALL, train: TRAIN, toSafetensors: SAVE, overlay: OVERLAY },
} as const;

/**
 * @param method the public method that takes the options
 * @throws OptionError that names the option, its value and what it can be
 */
export function checkOptions(method: keyof typeof RULES, options: unknown): void {
  if (!isObject(options))
    throw new OptionError('options', `the options of ${method}() are ${String(options)}: make them an object`);
  const rules = new Map<string, Rule>(Object.entries(RULES[method]));
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const found = rules.get(name);
    if (!found)
      throw new OptionError(name, `${method}() has no option ${name}: it takes ${[...rules.keys()].join(', ')}`);
    if (!found.accepts(value)) throw new OptionError(name, `${name} is ${shown(value)}: make it ${found.allowed}`);
  }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `"${value.slice(0, 80)}"`;
  if (Array.isArray(value)) return `[${value.slice(0, 8).map(shown).join(', ')}]`;
  return isObject(value) ? `an object with ${Object.keys(value).slice(0, 8).join(', ') || 'no fields'}` : String(value);
}

/** Calls a caller's function. What it throws is reported on the console and changes nothing else. */
export function callSafely<T>(name: string, callback: ((value: T) => void) | undefined, value: T): void {
  try {
    callback?.(value);
  } catch (error) {
    console.error(`densenet-webgpu: ${name} threw`, error);
  }
}
