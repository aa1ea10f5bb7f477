/** What a decoder hands over → a network under canonical names, with what the file shows of it. */
import type { NetworkFacts } from '../model/config.js';
import type { ModelMetadata } from '../model/model.js';
import type { TensorMap } from '../tensor/tensor.js';
import type { Budget } from './budget.js';
import type { Decoded } from './decoded.js';
import { epsilonOf, type FactOptions, type KnownFacts, saidFacts } from './facts.js';
import type { NetworkGraph } from './graph/node.js';
import { graphOfModules } from './pytorch/module-graph.js';
import { assemble } from './recognise/assemble.js';
import { recognise } from './recognise/recognise.js';
import { sourceInputOf } from './recognise/stem.js';
import { type Identified, identify } from './state-dict/identify.js';
import { type Rename, renamed, withoutMasks } from './state-dict/rename.js';

export interface ReadOptions extends FactOptions {
  readonly renames?: readonly Rename[];
  readonly map?: ReadonlyMap<string, string>;
}

export interface ReadNetwork {
  readonly tensors: TensorMap;
  readonly scheme: string;
  /** For `deriveConfig`. */
  readonly facts: NetworkFacts;
  /** Those that the file shows. */
  readonly known: KnownFacts;
  /** Taken for granted beyond the facts: activations between a head's layers. */
  readonly assumed: readonly string[];
  readonly sourceInput: NonNullable<ModelMetadata['sourceInput']> | null;
  /** [height, width] of the image, where the file says it. */
  readonly imageSize: readonly [number, number] | null;
  readonly notes: readonly string[];
}

/** @throws ModelShapeError naming the first thing that does not fit; OptionError for names that the user gives */
export function readNetwork(decoded: Decoded, options: ReadOptions, budget: Budget): ReadNetwork {
  if ('graph' in decoded) return fromGraph(decoded.graph, 'by topology', decoded.notes ?? [], budget);
  const { tensors: whole, pruned } = withoutMasks(decoded.tensors);
  const tensors = renamed(whole, options.renames ?? [], options.map ?? new Map());
  const identified = identify(tensors, {
    bnEpsilon: epsilonOf(options, decoded.metadata),
    hiddenActivation: options.hiddenActivation,
  });
  const notes = [
    ...(decoded.notes ?? []),
    ...identified.notes,
    ...(pruned > 0 ? [`${pruned} pruned weights: each multiplied by its mask.`] : []),
  ];
  const module = fromModules(decoded.modules ?? [], tensors, identified, options, notes, budget);
  return module ?? fromTensors(identified, decoded.metadata, options, notes);
}

function fromGraph(graph: NetworkGraph, scheme: string, notes: readonly string[], budget: Budget): ReadNetwork {
  const { vector, activation, order } = recognise(graph, budget);
  const { tensors, facts, stem } = assemble(vector);
  const [, , height, width] = stem.input.dims;
  return {
    tensors,
    scheme,
    facts,
    known: { ...facts, concat: order, ...(activation && { activation }) },
    assumed: [],
    sourceInput: sourceInputOf(stem.input),
    imageSize: height && width ? [height, width] : null,
    notes,
  };
}

/** `null` for a file without objects, or one whose modules do not carry the weights' names. */
function fromModules(
  modules: NonNullable<Extract<Decoded, { tensors: TensorMap }>['modules']>,
  tensors: TensorMap,
  identified: Identified,
  options: ReadOptions,
  notes: readonly string[],
  budget: Budget,
): ReadNetwork | null {
  const { sources, config, scheme } = identified;
  const concat = options.concat ?? 'old-first';
  const made = graphOfModules(modules, tensors, sources, config, {
    concat,
    stemPool: options.stemPool,
    finalRelu: options.finalRelu,
    pooling: options.pooling,
  });
  if (!made) return null;
  const network = fromGraph(made.graph, scheme, notes, budget);
  const known = new Map(Object.entries(network.known));
  const isKnown = (key: 'stemPool' | 'finalRelu' | 'concat' | 'pooling') => !made.unknown.has(key) && known.has(key);
  const { stemPool, finalRelu, concat: order, pooling, ...others } = network.known;
  return {
    ...network,
    known: {
      ...others,
      ...(isKnown('stemPool') && stemPool !== undefined ? { stemPool } : {}),
      ...(isKnown('finalRelu') && finalRelu !== undefined ? { finalRelu } : {}),
      ...(isKnown('concat') && order !== undefined ? { concat: order } : {}),
      ...(isKnown('pooling') && pooling !== undefined ? { pooling } : {}),
    },
  };
}

function fromTensors(
  identified: Identified,
  metadata: ModelMetadata,
  options: ReadOptions,
  notes: readonly string[],
): ReadNetwork {
  const { tensors, scheme, pooling, hiddenActivations, isHeadAssumed } = identified;
  const isModelFile = metadata.activation !== undefined;
  const facts = saidFacts(options, {
    ...(metadata.bnEpsilon === undefined ? {} : { bnEpsilon: metadata.bnEpsilon }),
    ...(isModelFile ? metadata : {}),
    ...(pooling === 'average' ? {} : { pooling }),
    ...(hiddenActivations.length > 0 ? { hiddenActivations } : {}),
  });
  return {
    tensors,
    scheme,
    facts,
    // Twice as many inputs of the head as channels.
    known: pooling === 'both' ? { pooling } : {},
    assumed: isHeadAssumed && options.hiddenActivation === undefined ? ['hidden-activation'] : [],
    sourceInput: metadata.sourceInput ?? null,
    imageSize: null,
    notes,
  };
}
