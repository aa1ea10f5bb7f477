/** What shapes do not show of a network, as fields that the user can set. */
import type { ModelMetadata } from 'densenet-webgpu';
import { make } from './dom.js';
import type { Facts } from './import-worker.js';

interface FactField {
  /** As `metadata.assumed` names it. */
  readonly name: string;
  readonly label: string;
  /** Text of each choice → what it says of the network. */
  readonly choices: Readonly<Record<string, Facts>>;
}

const FIELDS: readonly FactField[] = [
  {
    name: 'stem-stride',
    label: 'Stride of the first convolution',
    choices: { '1': { stemStride: 1 }, '2': { stemStride: 2 } },
  },
  {
    name: 'stem-pool',
    label: 'Max pool behind the first convolution',
    choices: { yes: { stemPool: true }, no: { stemPool: false } },
  },
  {
    name: 'concat',
    label: 'Order of concatenation',
    choices: { 'old features first': { concat: 'old-first' }, 'new features first': { concat: 'new-first' } },
  },
  {
    name: 'final-relu',
    label: 'ReLU behind the last batch norm',
    choices: { yes: { finalRelu: true }, no: { finalRelu: false } },
  },
  {
    name: 'pooling',
    label: 'Pool over the last map',
    choices: { averages: { pooling: 'average' }, maxima: { pooling: 'max' } },
  },
  {
    name: 'epsilon',
    label: 'Epsilon of the batch norms',
    choices: {
      '1e-5, PyTorch': { bnEpsilon: 1e-5 },
      '1.001e-5, Keras': { bnEpsilon: 1.001e-5 },
      '1e-3, TensorFlow': { bnEpsilon: 1e-3 },
    },
  },
  {
    name: 'hidden-activation',
    label: 'Activation in the head',
    choices: Object.fromEntries(
      (['relu', 'none', 'gelu', 'gelu-tanh', 'tanh', 'sigmoid', 'elu', 'leaky-relu'] as const).map(
        (hiddenActivation) => [hiddenActivation, { hiddenActivation }],
      ),
    ),
  },
];

const ASSUMED = 'as assumed';

/**
 * A select for each fact that is assumed, or that the user has set.
 *
 * @param facts what the user has set
 * @param onChange called with what the user says of the network, all facts together
 */
export function structureFields(
  { assumed = [] }: ModelMetadata,
  facts: Facts,
  onChange: (facts: Facts) => void,
): readonly HTMLElement[] {
  return FIELDS.flatMap(({ name, label, choices }) => {
    const chosen = Object.keys(choices).find((text) => contains(facts, choices[text] ?? {}));
    if (!chosen && !assumed.includes(name)) return [];
    const select = make(
      'select',
      {},
      ...[ASSUMED, ...Object.keys(choices)].map((text) => make('option', { value: text }, text)),
    );
    select.value = chosen ?? ASSUMED;
    select.addEventListener('change', () => {
      const own = Object.keys(Object.values(choices)[0] ?? {});
      const others = Object.fromEntries(Object.entries(facts).filter(([key]) => !own.includes(key)));
      onChange({ ...others, ...choices[select.value] });
    });
    return make('label', {}, make('span', {}, label), select);
  });
}

const contains = (facts: Facts, part: Facts): boolean =>
  Object.entries(part).every(([key, value]) => Reflect.get(facts, key) === value);
