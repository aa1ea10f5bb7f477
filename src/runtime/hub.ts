/**
 * What the Hugging Face Hub says of a model: the address of its weights, and the settings in its JSON files.
 */
import { AbortedError, DownloadError, ModelFormatError } from '../core/errors.js';
import { Fields, listOf, oneOf, text } from '../core/json.js';
import type { ModelMetadata } from '../model/model.js';
import { fromPreprocessorConfig, fromTimmConfig } from '../preprocess/hub-config.js';
import type { PreprocessSpec } from '../preprocess/spec.js';

const ENDPOINT = 'https://huggingface.co';
const WEIGHTS = 'model.safetensors';

export interface HubModel {
  readonly url: string;
  /** Of what the file does not say itself. */
  readonly metadata: ModelMetadata;
  /** config.json as it is; null where there is none. */
  readonly config: unknown;
}

export interface HubOptions {
  /** The endpoint, without a slash at the end. */
  readonly hub?: string;
  /** Given, the repository's preprocessing is not looked at. */
  readonly preprocess?: PreprocessSpec;
  readonly signal?: AbortSignal;
}

export const isHubId = (source: unknown): source is string => typeof source === 'string' && source.startsWith('hf:');

/**
 * Asks for the weights (their head only), config.json and preprocessor_config.json at once; the two may be missing.
 *
 * @param id `hf:OWNER/NAME` or `hf:OWNER/NAME@REVISION`
 * @throws DownloadError when there is no such repository, it is gated, or it has no model.safetensors; ModelFormatError
 * for an id of another form, for another architecture, and for a setting that cannot be had, named; AbortedError
 */
export async function openHub(id: string, options: HubOptions): Promise<HubModel> {
  const [, name, revision = 'main'] = /^hf:([\w.-]+\/[\w.-]+)(?:@(.+))?$/.exec(id) ?? [];
  if (!name) throw formatError(`${id} is no id of the Hub: write hf:OWNER/NAME or hf:OWNER/NAME@REVISION`);
  const base = `${options.hub ?? ENDPOINT}/${name}/resolve/${encodeURIComponent(revision)}/`;
  const signal = options.signal ?? null;
  try {
    const [weights, config, processor] = await Promise.all([
      // For a large file the Hub redirects to an address that is signed for GET only.
      fetch(base + WEIGHTS, { method: 'HEAD', redirect: 'manual', signal }),
      readJson(`${base}config.json`, signal),
      readJson(`${base}preprocessor_config.json`, signal),
    ]);
    if (!isThere(weights)) throw new DownloadError(id, weights.status, `${id}: ${reasonOf(weights, revision)}`);
    const metadata = { name, ...metadataOf(config, processor, options.preprocess) };
    return { url: base + WEIGHTS, metadata, config };
  } catch (cause) {
    if (signal?.aborted) throw new AbortedError('load()', { cause });
    if (cause instanceof DownloadError) throw cause;
    // fetch() fails with a TypeError; anything else is about what came.
    const why = cause instanceof Error ? cause.message : String(cause);
    if (!(cause instanceof TypeError)) throw formatError(`${id}: ${why}`, cause);
    const message = `${id}: ${base} could not be reached (offline, blocked, or no CORS headers)`;
    throw new DownloadError(id, null, message, { cause });
  }
}

const formatError = (message: string, cause?: unknown) => new ModelFormatError(message, { format: 'hub' }, { cause });

/** Browsers do not show the status of a redirection that they do not follow. */
const isThere = ({ ok, type, status }: Response) => ok || type === 'opaqueredirect' || (status >= 300 && status < 400);

/** @throws SyntaxError when it is no JSON */
async function readJson(url: string, signal: AbortSignal | null): Promise<unknown> {
  const response = await fetch(url, { signal });
  if (!response.ok) return null;
  const body = await response.text();
  try {
    return JSON.parse(body);
  } catch {
    throw new SyntaxError(`${url} is no JSON`);
  }
}

/** The Hub answers 401 for what is not there, too; its header tells. */
function reasonOf({ status, headers }: Response, revision: string): string {
  const code = headers.get('x-error-code');
  if (code === 'GatedRepo') return `the repository is gated: accept its terms, download ${WEIGHTS} and load that file`;
  if (code === 'RevisionNotFound') return `the repository has no revision "${revision}"`;
  if (status === 401 || status === 403 || code === 'RepoNotFound') {
    return 'there is no such repository, or it is private: check the name';
  }
  if (status === 404) return `the repository has no ${WEIGHTS}: import its checkpoint with the command line`;
  return `the Hub answered ${status}: try again`;
}

/**
 * timm's config.json, or transformers' config.json and preprocessor_config.json.
 *
 * @throws OptionError naming the setting that is wrong or cannot be had
 */
function metadataOf(config: unknown, processor: unknown, preprocess: PreprocessSpec | undefined): ModelMetadata {
  const fields = new Fields(config ?? {}, 'config');
  const architecture = fields.optional('architecture', text, 'densenet');
  if (!architecture.startsWith('densenet'))
    throw new Error(`a ${architecture} is no DenseNet, and only those run here`);
  fields.optional('global_pool', oneOf('avg', 'fast'), null);
  fields.optional(
    'model_args',
    (args, path) => new Fields(args, path).optional('act_layer', oneOf('relu'), null),
    null,
  );
  const labels = labelsOf(fields);
  const spec = preprocess ?? preprocessOf(fields, config, processor);
  const isMultiLabel = fields.optional('problem_type', text, '') === 'multi_label_classification';
  return {
    ...(labels ? { labels } : {}),
    ...(spec ? { preprocess: spec } : {}),
    ...(isMultiLabel ? { activation: 'sigmoid' } : {}),
  };
}

function preprocessOf(fields: Fields, config: unknown, processor: unknown): PreprocessSpec | null {
  if (processor !== null) return fromPreprocessorConfig(processor);
  return fields.has('pretrained_cfg') || fields.has('input_size') ? fromTimmConfig(config) : null;
}

/** transformers' `id2label`, or timm's `label_names`, with the words of `label_descriptions` where there are any. */
function labelsOf(config: Fields): readonly string[] | null {
  if (config.has('id2label')) {
    return config.required('id2label', (value, path) => listOf(text)(Object.values(Object(value)), path));
  }
  const names = config.optional('label_names', listOf(text), null);
  const words = config.optional('label_descriptions', (value, path) => new Fields(value, path), null);
  return names && words ? names.map((name) => words.optional(name, text, name)) : names;
}
