/**
 * Reads a checkpoint outside the page's thread, keeps its tensors, and writes them as a model file with the metadata
 * that the page asks for. One worker for each checkpoint.
 */
import type { DenseNetConfig, ModelMetadata, PreprocessSpec } from 'densenet-webgpu';
import {
  type ImportedCheckpoint,
  type ImportOptions,
  importCheckpoint,
  PRESETS,
  writeModel,
} from 'densenet-webgpu/import';
import { channelsOf } from '../src/preprocess/spec.js';
import { defaultPreprocess } from './default-preprocess.js';

/** What the shapes of tensors do not show. */
export type Facts = Pick<
  ImportOptions,
  'bnEpsilon' | 'stemStride' | 'stemPool' | 'finalRelu' | 'pooling' | 'concat' | 'hiddenActivation'
>;

export type ImportRequest =
  | {
      readonly kind: 'read';
      readonly file: File;
      /** All files that came together, `file` among them. */
      readonly all: readonly File[];
      /** What the user says of the network in place of what is assumed. */
      readonly facts: Facts;
    }
  | { readonly kind: 'write'; readonly metadata: ModelMetadata };

/** What a checkpoint is, and what it says about itself. */
export interface CheckpointReport {
  readonly config: DenseNetConfig;
  readonly metadata: ModelMetadata;
  readonly source: ImportedCheckpoint['source'];
  /** What was assumed, ignored or guessed, in sentences. */
  readonly notes: readonly string[];
  /** Presets with as many channels as the network takes. */
  readonly presets: Readonly<Record<string, PreprocessSpec>>;
  /** The preset that most networks of this kind expect; null when none fits. */
  readonly defaultPreset: string | null;
}

export type ImportAnswer =
  | { readonly kind: 'report'; readonly report: CheckpointReport }
  | { readonly kind: 'file'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'error'; readonly message: string };

export interface ImportMessage {
  readonly id: number;
  readonly request: ImportRequest;
}

export interface ImportReply {
  readonly id: number;
  readonly answer: ImportAnswer;
}

let checkpoint: ImportedCheckpoint | null = null;

async function read(file: File, all: readonly File[], facts: Facts): Promise<CheckpointReport> {
  const readSibling = (path: string) => bytesOf(findFile(path, all));
  checkpoint = await importCheckpoint(await bytesOf(file), file.name, { ...facts, readSibling });
  const { config, metadata, source, notes } = checkpoint;
  // Former names of a preset share its value, and stand behind it.
  const values: readonly PreprocessSpec[] = Object.values(PRESETS);
  const presets = Object.entries<PreprocessSpec>(PRESETS).filter(
    ([, spec], i) => channelsOf(spec) === config.inChannels && values.indexOf(spec) === i,
  );
  const defaultPreset = defaultPreprocess(config, source.format);
  return { config, metadata, source, notes, presets: Object.fromEntries(presets), defaultPreset };
}

function write(metadata: ModelMetadata): Uint8Array<ArrayBuffer> {
  if (!checkpoint) throw new Error('no checkpoint was read');
  return writeModel(checkpoint.tensors, metadata);
}

const bytesOf = async (file: File): Promise<Uint8Array> => new Uint8Array(await file.arrayBuffer());

/** Finds a file by the last part of its path: dropped files have no folders. @throws when it is missing */
function findFile(path: string, files: readonly File[]): File {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const found = files.find((file) => file.name === name);
  if (found) return found;
  throw new Error(`the model's weights are in ${name}: drop it together with the model, all files at once`);
}

async function answer(request: ImportRequest): Promise<ImportAnswer> {
  if (request.kind === 'write') return { kind: 'file', bytes: write(request.metadata) };
  return { kind: 'report', report: await read(request.file, request.all, request.facts) };
}

addEventListener('message', async ({ data: { id, request } }: MessageEvent<ImportMessage>) => {
  const failed = (error: unknown): ImportAnswer => ({
    kind: 'error',
    message: error instanceof Error ? error.message : String(error),
  });
  postMessage({ id, answer: await answer(request).catch(failed) } satisfies ImportReply);
});
