/**
 * The architecture that a Keras file describes beside its weights (`model_config`, config.json, `modelTopology`): its
 * layers in the order of the computation, models inside models laid flat. Keras 1.2 to 3 and TensorFlow.js.
 */
import { formatError } from '../format-error.js';
import { numbersIn } from './config.js';
import { kerasHubRefusal } from './refusals.js';

const kerasError = formatError('keras');

export interface Layer {
  readonly name: string;
  /** Keras' class name. */
  readonly kind: string;
  readonly config: ReadonlyMap<string, unknown>;
  /** Names of the layers whose outputs go in, in order. */
  readonly inputs: readonly string[];
  /** Constants that an operator takes beside its input: `x / 255`. `isFirst` where the constant is on the left. */
  readonly operands: readonly { readonly values: readonly number[]; readonly isFirst: boolean }[];
  /** Where a Keras 3 weight store keeps it: `layers/functional/layers/conv2d_3`. */
  readonly container: string;
}

const MODELS: ReadonlySet<string> = new Set(['Model', 'Functional', 'Sequential']);
const MAX_DEPTH = 8;
const MAX_LAYERS = 10_000;

/**
 * @param config parsed JSON: `{ class_name, config: { layers } }`
 * @throws ModelFormatError when it is none, or a model whose layers it does not list
 */
export function readNetwork(config: unknown): readonly Layer[] {
  const flat: Layer[] = [];
  const names = new Set<string>();
  const aliases = new Map<string, string>();
  flatten(entries(config), '', [], 0);
  return flat.map((layer) => ({ ...layer, inputs: layer.inputs.map((input) => resolve(input, aliases)) }));

  /** @returns the name of the layer whose output is the model's */
  function flatten(model: Entries, container: string, outer: readonly string[], depth: number): string {
    if (depth > MAX_DEPTH) throw kerasError('its models are nested without end');
    const counts = new Map<string, number>();
    let last = outer[0] ?? '';
    for (const value of layersOf(model)) {
      const entry = entries(value);
      const kind = text(entry.get('class_name'), 'class_name');
      const settings = entries(entry.get('config'));
      const name = text(entry.get('name') ?? settings.get('name'), `the name of a ${kind}`);
      if (names.has(name)) throw kerasError(`two layers are called "${name}"`);
      names.add(name);
      const path = `${container}layers/${counted(counts, snakeCase(kind))}`;
      const isInput = kind === 'InputLayer';
      const listed = isInput ? outer : inputsOf(entry.get('inbound_nodes'));
      const inputs = listed.length === 0 && !isInput && last !== '' ? [last] : listed;
      if (MODELS.has(kind)) {
        aliases.set(name, flatten(entry, `${path}/`, inputs, depth + 1));
      } else {
        if (flat.length >= MAX_LAYERS) throw kerasError(`it has more than ${MAX_LAYERS} layers`);
        const operands = operandsOf(entry.get('inbound_nodes'));
        flat.push({ name, kind, config: settings, inputs, operands, container: path });
      }
      last = name;
    }
    return outputOf(model) ?? last;
  }
}

/** The layers that a model lists. A Sequential of Keras before 2.2 is a bare list. */
function layersOf(model: Entries): readonly unknown[] {
  const config = model.get('config');
  const layers = Array.isArray(config) ? config : entries(config).get('layers');
  if (Array.isArray(layers)) return layers;
  const kind = text(model.get('class_name'), 'class_name');
  throw (
    kerasHubRefusal(`${kind} ${registeredName(model)}`) ??
    kerasError(
      `its config does not list the layers of a ${kind}: build it from Keras' own layers, as a functional model`,
    )
  );
}

/** The first output that a functional model names. */
function outputOf(model: Entries): string | null {
  const config = model.get('config');
  if (Array.isArray(config)) return null;
  let outputs: unknown = entries(config).get('output_layers');
  while (Array.isArray(outputs)) outputs = outputs[0];
  return typeof outputs === 'string' ? outputs : null;
}

/** Keras 2: [[["name", 0, 0, {}], …]]; Keras 3: tensors with a `keras_history`, somewhere in `args`. */
function inputsOf(nodes: unknown): string[] {
  const found: string[] = [];
  const visit = (value: unknown, depth: number): void => {
    if (depth > 12 || found.length > MAX_LAYERS) throw kerasError("a layer's inputs are nested without end");
    if (Array.isArray(value)) {
      const [name, node, tensor] = value;
      if (typeof name === 'string' && typeof node === 'number' && typeof tensor === 'number') found.push(name);
      else for (const part of value) visit(part, depth + 1);
    } else if (typeof value === 'object' && value !== null) {
      const history = new Map(Object.entries(value)).get('keras_history');
      for (const part of history === undefined ? Object.values(value) : [history]) visit(part, depth + 1);
    }
  };
  visit(nodes, 0);
  return found;
}

/** Numbers and tensors of numbers among a layer's arguments: Keras 3's `args`, Keras 2's keywords of a TFOpLambda. */
function operandsOf(nodes: unknown): Layer['operands'] {
  const [node] = Array.isArray(nodes) ? nodes : [];
  if (Array.isArray(node)) {
    const keywords: unknown = Array.isArray(node[0]) ? node[0][3] : node[3];
    if (typeof keywords !== 'object' || keywords === null) return [];
    return Object.entries(keywords).flatMap(([key, value]) => {
      const values = key === 'y' || key === 'bias' ? numbersIn(value) : null;
      return values ? [{ values, isFirst: false }] : [];
    });
  }
  if (typeof node !== 'object' || node === null) return [];
  const args: unknown = new Map(Object.entries(node)).get('args');
  if (!Array.isArray(args)) return [];
  return args.flatMap((argument: unknown, index) => {
    const values = numbersIn(argument) ?? tensorNumbers(argument);
    return values ? [{ values, isFirst: index === 0 }] : [];
  });
}

/** `{ class_name: "__tensor__", config: { value } }` */
function tensorNumbers(argument: unknown): number[] | null {
  if (typeof argument !== 'object' || argument === null || !('config' in argument)) return null;
  const { config } = argument;
  return typeof config === 'object' && config !== null && 'value' in config ? numbersIn(config.value) : null;
}

function resolve(name: string, aliases: ReadonlyMap<string, string>): string {
  let resolved = name;
  for (let depth = 0; depth <= MAX_DEPTH; depth++) resolved = aliases.get(resolved) ?? resolved;
  return resolved;
}

/** Keras numbers the containers of a class: `conv2d`, `conv2d_1` … */
function counted(counts: Map<string, number>, name: string): string {
  const count = counts.get(name) ?? 0;
  counts.set(name, count + 1);
  return count === 0 ? name : `${name}_${count}`;
}

/** As `keras.src.utils.naming.to_snake_case`. */
function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

type Entries = ReadonlyMap<string, unknown>;

/** The fields of a JSON object. */
export function entries(value: unknown): Entries {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return new Map(Object.entries(value));
  throw kerasError('its config is not of the form that Keras writes');
}

const LONGEST_NAME = 1024;

function registeredName(model: Entries): string {
  const name = model.get('registered_name');
  return typeof name === 'string' ? name.slice(0, LONGEST_NAME) : '';
}

function text(value: unknown, what: string): string {
  if (typeof value === 'string' && value.length <= LONGEST_NAME) return value;
  throw kerasError(`${what} is no name`);
}
