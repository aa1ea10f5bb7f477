/**
 * Weights under any names → the tensors of a DenseNet under canonical names: by a known naming scheme, else by order and
 * shape. What is no part of the network is ignored and noted, or refused where it might be one.
 */
import { ModelShapeError } from '../../core/errors.js';
import { fits } from '../../model/check.js';
import type { DenseNetConfig, HeadActivation, Pooling } from '../../model/config.js';
import { deriveConfig, guessConfig } from '../../model/derive.js';
import { finalChannels, names } from '../../model/tensors.js';
import type { Tensor, TensorMap } from '../../tensor/tensor.js';
import { canonicalise, readBody } from '../../weights/canonicalise.js';
import { IGNORED } from '../../weights/schemes.js';
import { describeMismatch } from '../describe-mismatch.js';
import { shorten } from '../format-error.js';
import { type Head, headOf } from './head.js';
import { matchShapes, type NearMiss } from './match-shapes.js';
import { modulePath, modulesOf } from './modules.js';

export interface Identified {
  readonly tensors: TensorMap;
  /** Canonical name → name in the file, of the body. */
  readonly sources: ReadonlyMap<string, string>;
  /** Of the body; the head's layers are told by `pooling` and `hiddenActivations`. */
  readonly config: DenseNetConfig;
  readonly scheme: string;
  readonly pooling: Pooling;
  readonly hiddenActivations: readonly HeadActivation[];
  /** Whether activations between the head's layers were taken for granted. */
  readonly isHeadAssumed: boolean;
  readonly notes: readonly string[];
}

export interface IdentifyOptions {
  readonly bnEpsilon: number;
  readonly hiddenActivation: HeadActivation | undefined;
}

export const BY_SHAPE = 'by order and shape';

/** @throws ModelShapeError listing what is missing, left over and mis-shaped, or how far the shapes lead */
export function identify(all: TensorMap, options: IdentifyOptions): Identified {
  const tensors = new Map([...all].filter(([name]) => !IGNORED.test(name)));
  const body = bodyOf(tensors);
  if ('why' in body) throw mismatch(tensors) ?? nearMiss(body, tensors);
  const { sources, scheme, config } = body;
  const used = new Set(sources.values());
  const rest = new Map([...tensors].filter(([name]) => !used.has(name)));
  const head =
    headOf(modulesOf(rest), finalChannels(config), {
      bnEpsilon: options.bnEpsilon,
      activation: options.hiddenActivation,
    }) ?? NO_HEAD;
  const leftovers = unusedIn(rest, head);
  const isHeadLost = head === NO_HEAD && [...leftovers.keys()].some((name) => /\.(weight|bias)$/.test(name));
  if (isHeadLost || !areIgnorable(leftovers, [...used, ...head.path])) throw headMismatch(tensors, rest);
  const canonical = new Map<string, Tensor>(head.tensors);
  for (const [name, source] of sources) {
    const tensor = tensors.get(source);
    if (tensor) canonical.set(name, { ...tensor, name });
  }
  return {
    tensors: canonical,
    sources,
    scheme,
    config,
    pooling: head.pooling,
    hiddenActivations: head.hiddenActivations,
    isHeadAssumed: head.isAssumed,
    notes: notesOf(scheme, body, leftovers, head),
  };
}

/** The network ends with its features. */
const NO_HEAD: Head = { tensors: new Map(), pooling: 'average', hiddenActivations: [], path: [], isAssumed: false };

interface Body {
  readonly sources: ReadonlyMap<string, string>;
  readonly scheme: string;
  readonly config: DenseNetConfig;
}

/** By a scheme whose tensors are complete, else by shape. */
function bodyOf(tensors: TensorMap): Body | NearMiss {
  const named = readBody(tensors);
  const byName = named && complete(tensors, named.sources, named.scheme);
  if (byName) return byName;
  const match = matchShapes(modulesOf(tensors));
  if ('why' in match) return match;
  const sources = new Map<string, string>();
  for (const name of tensors.keys()) {
    const canonical = match.modules.get(modulePath(name));
    if (canonical !== undefined) sources.set(`${canonical}${name.slice(modulePath(name).length)}`, name);
  }
  return complete(tensors, sources, BY_SHAPE) ?? { matched: 0, of: 0, why: 'its tensors do not fit one another' };
}

/** The body, if all of its tensors are there and fit; the head is looked for later. */
function complete(tensors: TensorMap, sources: ReadonlyMap<string, string>, scheme: string): Body | null {
  const shapes = new Map([...sources].map(([name, source]) => [name, tensors.get(source)?.shape ?? []]));
  const config = guess(shapes);
  if (!config) return null;
  return fits(shapes, config) ? { sources, scheme, config } : null;
}

/** `null` for absurd numbers of blocks or layers. */
function guess(shapes: ReadonlyMap<string, readonly number[]>): DenseNetConfig | null {
  try {
    return guessConfig(shapes);
  } catch (error) {
    if (error instanceof ModelShapeError) return null;
    throw error;
  }
}

function unusedIn(rest: TensorMap, { path }: Head): TensorMap {
  const used = new Set(path);
  return new Map([...rest].filter(([name]) => !used.has(modulePath(name))));
}

/**
 * What shares its first name with nothing of the network and holds no layers: a loss's weights, a schedule's counters.
 * And dense layers in front of those that lead to the classes: a head that is no longer used.
 */
function areIgnorable(leftovers: TensorMap, used: readonly string[]): boolean {
  const top = (name: string) => name.split('.', 1)[0];
  const roots = new Set(used.map(top));
  return [...leftovers].every(
    ([name, { shape }]) => !roots.has(top(name)) && shape.length < 2 && !/\.running_(mean|var)$/.test(name),
  );
}

function notesOf(scheme: string, { config }: Body, leftovers: TensorMap, head: Head): string[] {
  const notes: string[] = [];
  const some = (list: readonly string[]) => shorten(list.slice(0, 20).join(', '), 300);
  if (scheme === BY_SHAPE) {
    const kind = config.bottleneck === null ? 'plain layers' : 'bottleneck layers';
    notes.push(
      `Named by no known scheme; matched by shape and order: blocks of ${config.blocks.join('-')} ${kind}, growth rate ` +
        `${config.growthRate}, ${config.transitions.length} transitions. Check it with "verify".`,
    );
  }
  if (head.path.length > 1) notes.push(`The head's layers, in order: ${some(head.path)}.`);
  if (head.pooling === 'both')
    notes.push("The head takes twice as many values as there are channels: maxima, then averages, fastai's order.");
  if (leftovers.size > 0) notes.push(`Not part of the network, ignored: ${some([...leftovers.keys()])}.`);
  return notes;
}

/** The error of the scheme that the names read best under, with everything that does not fit; `null` if none reads them. */
function mismatch(tensors: TensorMap): Error | null {
  if (!readBody(tensors)) return null;
  const reading = readingOf(tensors);
  if (reading instanceof ModelShapeError) return describeMismatch(reading, tensors);
  const { scheme, sources, tensors: canonical } = reading;
  try {
    deriveConfig(new Map([...canonical.values()].map(({ name, shape }) => [name, shape])), { scheme, sources });
    return null;
  } catch (error) {
    if (error instanceof ModelShapeError) return describeMismatch(error, tensors);
    throw error;
  }
}

/** By the scheme that fits best; the error where two tensors claim one name. */
function readingOf(tensors: TensorMap): ReturnType<typeof canonicalise> | ModelShapeError {
  try {
    return canonicalise(tensors);
  } catch (error) {
    if (error instanceof ModelShapeError) return error;
    throw error;
  }
}

/** The body is complete; two tensors that would both be the classifier are a head that is not understood. */
function headMismatch(tensors: TensorMap, rest: TensorMap): Error {
  const isTwice = readingOf(tensors) instanceof ModelShapeError;
  return (isTwice ? null : mismatch(tensors)) ?? unknownHead(rest);
}

function unknownHead(rest: TensorMap): ModelShapeError {
  const some = [...rest].slice(0, 12).map(([name, { shape }]) => `${name} [${shape}]`);
  return new ModelShapeError(
    `the body is a DenseNet, but these do not make its head: ${shorten(some.join(', ') || 'nothing is left', 400)}`,
    { missing: [`${names.classifier}.weight`], extra: [...rest.keys()], misshaped: [] },
  );
}

function nearMiss({ matched, of, why }: NearMiss, tensors: TensorMap): Error {
  const all = [...tensors.keys()];
  const error = new ModelShapeError(
    `not a DenseNet that we know: its ${all.length} tensors are named by no known scheme, and matching by order and shape ` +
      `ends after ${matched} of ${of} convolutions: ${shorten(why, 300)}. Names can be given with --rename or --map`,
    { missing: ['features.denseblock1.denselayer1.norm1.running_mean'], extra: all, misshaped: [] },
  );
  return describeMismatch(error, tensors);
}
