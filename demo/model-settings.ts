/** What a model needs besides its tensors: from its file, assumed, or set by the user. Pure functions. */
import type { ModelMetadata, PreprocessSpec } from 'densenet-webgpu';
import type { CheckpointReport } from './import-worker.js';

export type Origin = 'from the file' | 'assumed' | 'yours';

export interface Setting<T> {
  readonly value: T;
  readonly origin: Origin;
}

type Activation = NonNullable<ModelMetadata['activation']>;
type Thresholds = NonNullable<ModelMetadata['thresholds']>;

export interface Settings {
  /** Null: classes are numbered. */
  readonly labels: Setting<readonly string[] | null>;
  readonly activation: Setting<Activation>;
  /** Null: no preset fits, so that images cannot be classified. */
  readonly preprocess: Setting<PreprocessSpec | null>;
  /** Null: none. */
  readonly thresholds: Setting<Thresholds | null>;
}

/** The user's changes, in the form of the metadata that they replace. */
export type Changes = Pick<ModelMetadata, 'labels' | 'activation' | 'preprocess' | 'thresholds'>;

/** The user's changes go before the file, the file before assumptions. */
export function settingsOf({ metadata, presets, defaultPreset }: CheckpointReport, changes: Changes): Settings {
  const choose = <T>(own: T | undefined, inFile: T | undefined, assumed: T): Setting<T> => {
    if (own !== undefined) return { value: own, origin: 'yours' };
    if (inFile !== undefined) return { value: inFile, origin: 'from the file' };
    return { value: assumed, origin: 'assumed' };
  };
  const assumedPreset = defaultPreset === null ? null : (presets[defaultPreset] ?? null);
  return {
    labels: choose<readonly string[] | null>(changes.labels, metadata.labels, null),
    activation: choose<Activation>(changes.activation, activationOf(metadata), metadata.activation ?? 'softmax'),
    preprocess: choose<PreprocessSpec | null>(changes.preprocess, metadata.preprocess, assumedPreset),
    thresholds: choose<Thresholds | null>(changes.thresholds, metadata.thresholds, null),
  };
}

/** The importer fills in an activation where the file has none. */
const activationOf = ({ activation, activationOrigin }: ModelMetadata): Activation | undefined =>
  activationOrigin === 'assumed' ? undefined : activation;

/** The metadata of the model file with these settings; everything else is as the file says. */
export function metadataOf({ metadata }: CheckpointReport, settings: Settings): ModelMetadata {
  const { labels, activation, preprocess, thresholds } = settings;
  return {
    ...metadata,
    activation: activation.value,
    ...(activation.origin === 'yours' ? { activationOrigin: 'option' } : {}),
    ...(labels.value ? { labels: labels.value } : {}),
    ...(preprocess.value ? { preprocess: preprocess.value } : {}),
    ...(thresholds.value && activation.value === 'sigmoid' ? { thresholds: thresholds.value } : {}),
  };
}

/**
 * One label per line, a JSON array, or a JSON object by index as ImageNet's `{"0": ["n01440764", "tench"]}`.
 *
 * @throws Error that says what is wrong
 */
export function parseLabels(text: string, classes: number): readonly string[] {
  const labels = /^\s*[[{]/.test(text) ? labelsFromJson(text) : linesOf(text);
  if (labels.length !== classes)
    throw new Error(`${labels.length} labels for ${classes} classes: one is needed for each`);
  return labels;
}

const linesOf = (text: string): string[] => text.split(/\r?\n/).flatMap((line) => line.trim() || []);

function labelsFromJson(text: string): string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Error('the labels are not valid JSON: give one label per line, or a JSON array');
  }
  const values: unknown[] = Array.isArray(parsed) ? parsed : Object.values(parsed ?? {});
  return values.map((value) => {
    const label: unknown = Array.isArray(value) ? value.at(-1) : value;
    if (typeof label !== 'string') throw new Error(`${JSON.stringify(value)} is not a label: labels are texts`);
    return label;
  });
}

/**
 * One number for all classes, or one for each; `-` where a class has none. Empty text: no thresholds.
 *
 * @throws Error that says what is wrong
 */
export function parseThresholds(text: string, classes: number): Thresholds {
  const parts = text.split(/[\s,;]+/).filter((part) => part !== '');
  const values = parts.map((part) => {
    if (part === '-' || part === '–') return null;
    const value = Number(part);
    if (!(value >= 0 && value <= 1)) throw new Error(`${part} is no threshold: thresholds are from 0 to 1`);
    return value;
  });
  const [first = null] = values;
  if (values.length <= 1) return Array.from({ length: classes }, () => first);
  if (values.length === classes) return values;
  throw new Error(`${values.length} thresholds for ${classes} classes: give one for all, or one for each`);
}

/** The inverse of {@link parseThresholds}. */
export function formatThresholds(thresholds: Thresholds | null): string {
  if (!thresholds || thresholds.every((value) => value === null)) return '';
  const [first] = thresholds;
  if (thresholds.every((value) => value === first)) return String(first);
  return thresholds.map((value) => (value === null ? '-' : Number(value.toFixed(4)))).join(', ');
}

/** The preset that equals a specification; null for another one. */
export function presetNameOf(spec: PreprocessSpec | null, presets: CheckpointReport['presets']): string | null {
  const text = JSON.stringify(sorted(spec));
  return Object.keys(presets).find((name) => JSON.stringify(sorted(presets[name] ?? null)) === text) ?? null;
}

/** With its keys in order, so that two documents can be compared as text. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => a.localeCompare(b));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
