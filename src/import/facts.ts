/**
 * What shapes do not show: read from the file where it describes its network, else said by the user, else assumed as in
 * the paper and listed with the option that changes it.
 */
import { OptionError } from '../core/errors.js';
import type { Activation, ActivationOrigin, DenseNetConfig, HeadActivation, NetworkFacts } from '../model/config.js';
import { stemOf, TORCH_BN_EPSILON } from '../model/config.js';
import { scoringOf } from '../model/metadata.js';
import type { ModelMetadata } from '../model/model.js';

type ConcatOrder = 'old-first' | 'new-first';

/** What a user may say of a network. */
export interface FactOptions {
  /** Batch norms' epsilon: 1e-5 in PyTorch, 1.001e-5 in keras.applications. */
  readonly bnEpsilon?: number;
  readonly stemStride?: 1 | 2;
  readonly stemPool?: boolean;
  readonly finalRelu?: boolean;
  /** Over the last map. Average and maximum joined is seen from the head's width. */
  readonly pooling?: 'average' | 'max';
  /** `new-first`: the network concatenates new features in front of the old; its weights are permuted. */
  readonly concat?: ConcatOrder;
  /** Between the dense layers of a head, where there is room for one. */
  readonly hiddenActivation?: HeadActivation;
  /** Of the last layer. */
  readonly activation?: Activation;
}

/** What a file shows. */
export interface KnownFacts extends NetworkFacts {
  readonly concat?: ConcatOrder;
  readonly activation?: 'softmax' | 'sigmoid';
}

/** The options whose values shapes cannot show, and how each is called on the command line. */
const FLAGS = {
  stemStride: 'stem-stride',
  stemPool: 'stem-pool',
  concat: 'concat',
  finalRelu: 'final-relu',
  pooling: 'pooling',
  bnEpsilon: 'epsilon',
} as const;

type Key = keyof typeof FLAGS;
const KEYS = [
  'stemStride',
  'stemPool',
  'concat',
  'finalRelu',
  'pooling',
  'bnEpsilon',
] as const satisfies readonly Key[];

/** @throws OptionError when an option contradicts what the file shows */
export function checkOptions(options: FactOptions, known: KnownFacts, fileName: string): void {
  for (const key of KEYS) {
    const shown = known[key];
    if (options[key] === undefined || shown === undefined || options[key] === shown) continue;
    throw new OptionError(key, `${key} is ${options[key]}, but the graph in "${fileName}" has ${shown}: leave it out`);
  }
}

/** Names of the facts that neither the file nor the user says. */
export function assumedFacts(options: FactOptions, known: KnownFacts): string[] {
  return KEYS.filter((key) => options[key] === undefined && known[key] === undefined).map((key) => FLAGS[key]);
}

/** The activation and who says so: the user before the file. @throws OptionError for one without a classifier */
export function activationFacts(
  options: FactOptions,
  known: KnownFacts,
  metadata: ModelMetadata,
  classes: number,
): { readonly activation: Activation; readonly activationOrigin: ActivationOrigin } {
  if (classes === 0 && options.activation !== undefined && options.activation !== 'none')
    throw new OptionError(
      'activation',
      `activation is ${options.activation}, but the file has no classifier: leave it out`,
    );
  if (options.activation !== undefined) return { activation: options.activation, activationOrigin: 'option' };
  if (known.activation !== undefined) return { activation: known.activation, activationOrigin: 'file' };
  const { activation, origin } = scoringOf(metadata, classes);
  return { activation, activationOrigin: origin };
}

/** `10 classes, softmax (assumed)`, for messages. */
export function describeHead({ classes }: DenseNetConfig, metadata: ModelMetadata): string {
  if (classes === 0) return 'no classifier';
  const { activation, origin } = scoringOf(metadata, classes);
  const source = origin === 'file' ? 'from the file' : origin === 'option' ? 'as said' : 'assumed';
  return `${classes} ${classes === 1 ? 'class' : 'classes'}, ${activation} (${source})`;
}

/** What was assumed, each with its option, in one sentence; `null` when nothing was. */
export function describeAssumed(metadata: ModelMetadata, config: DenseNetConfig): string | null {
  const { stride, pool } = stemOf(config);
  const { activation, origin } = scoringOf(metadata, config.classes);
  // A softmax over one class would always be 1.
  const other = activation === 'softmax' ? 'sigmoid' : config.classes === 1 ? 'none' : 'softmax';
  const texts: Readonly<Record<string, string>> = {
    'stem-stride': `a stem of stride ${stride} (--stem-stride ${stride === 1 ? 2 : 1})`,
    'stem-pool': `a stem ${pool ? 'with a max pool (--stem-pool no)' : 'without a pool (--stem-pool yes)'}`,
    concat: 'old features first (--concat new-first)',
    'final-relu': 'a ReLU behind the last norm (--final-relu no)',
    pooling: 'averages of the last map (--pooling max)',
    epsilon: `an epsilon of ${config.bnEpsilon.toExponential()} (--epsilon)`,
    'hidden-activation': 'ReLU between the layers of the head (--hidden-activation)',
  };
  const parts = [
    ...(origin === 'assumed'
      ? [`${activation} over ${config.classes} ${config.classes === 1 ? 'class' : 'classes'} (--activation ${other})`]
      : []),
    ...(metadata.assumed ?? []).flatMap((name) => (Object.hasOwn(texts, name) ? (texts[name] ?? []) : [])),
  ];
  return parts.length === 0 ? null : `Assumed, since the file does not show it: ${parts.join(', ')}.`;
}

/** The facts for a file of weights alone: the user's, else what the format implies. */
export function saidFacts(options: FactOptions, implied: NetworkFacts): NetworkFacts {
  const { stemStride, stemPool, finalRelu, pooling } = options;
  const bnEpsilon = options.bnEpsilon ?? implied.bnEpsilon;
  return {
    ...implied,
    ...(bnEpsilon === undefined ? {} : { bnEpsilon }),
    ...(stemStride === undefined ? {} : { stemStride }),
    ...(stemPool === undefined ? {} : { stemPool }),
    ...(finalRelu === undefined ? {} : { finalRelu }),
    ...(pooling === undefined ? {} : { pooling }),
  };
}

export const epsilonOf = (options: FactOptions, metadata: NetworkFacts): number =>
  options.bnEpsilon ?? metadata.bnEpsilon ?? TORCH_BN_EPSILON;
