/** Opens a network for many images: how many go in one call, and what Ctrl-C does meanwhile. */
import { isDenseNetError } from '../core/errors.js';
import type { DenseNetConfig } from '../model/config.js';
import { decodeMetadata } from '../model/metadata.js';
import type { ModelMetadata } from '../model/model.js';
import { planNetwork } from '../plan/network.js';
import { inputSizeOf } from '../preprocess/spec.js';
import { readSafetensors } from '../tensor/safetensors.js';
import { interpretTensors } from '../weights/interpret.js';
import { wholeNumber } from './command.js';
import { openRunner } from './open-runner.js';
import type { Backend, Runner, RunnerOptions } from './runner.js';
import { note } from './terminal.js';

/** `auto`: as many images as fit this with their feature maps, and at most {@link MAX_AUTO_BATCH}. */
const AUTO_ARENA_BYTES = 2 ** 27;
/** Larger batches were not faster, and results come later. */
const MAX_AUTO_BATCH = 32;

export type BatchOption = number | 'auto';

/** @throws UsageError */
export const parseBatch = (text = 'auto'): BatchOption => (text === 'auto' ? 'auto' : wholeNumber('batch', text));

/** A model's network and metadata, known before a GPU is asked for. */
export interface ModelFacts {
  readonly config: DenseNetConfig;
  readonly metadata: ModelMetadata;
}

/** @throws ModelFormatError, ModelShapeError */
export function readModelFacts(model: Uint8Array): ModelFacts {
  const { tensors, metadata: entries } = readSafetensors(model);
  const metadata = decodeMetadata(entries);
  return { config: interpretTensors(tensors, metadata).config, metadata };
}

export interface BatchRunner {
  readonly runner: Runner;
  /** Images in a call. */
  readonly batch: number;
}

export interface BatchRunnerOptions extends Pick<RunnerOptions, 'precision'> {
  readonly backend: Backend;
  readonly batch: BatchOption;
  /** Images in all. */
  readonly total: number;
}

/** @throws as {@link openRunner}; with `auto` smaller batches are tried before LimitError and OutOfMemoryError */
export async function openBatchRunner(
  model: Uint8Array,
  { config, metadata }: ModelFacts,
  { backend, precision, batch, total }: BatchRunnerOptions,
): Promise<BatchRunner> {
  const open = async (largest: number): Promise<BatchRunner> => {
    // The same number in each call, so that little of the last one is left empty.
    const size = Math.ceil(total / Math.ceil(total / largest));
    try {
      const runner = await openRunner(backend, model, { precision, batch: size });
      return { runner, batch: size };
    } catch (error) {
      if (batch !== 'auto' || size === 1 || !isTooLarge(error)) throw error;
      note(`A batch of ${size} does not fit this GPU: trying ${size >> 1}.`);
      return open(size >> 1);
    }
  };
  if (batch !== 'auto') return open(batch);
  const imagenet = config.stem === 'imagenet' ? ([224, 224] as const) : ([32, 32] as const);
  const inputSize = (metadata.preprocess && inputSizeOf(metadata.preprocess)) ?? imagenet;
  const plan = planNetwork(config, { batch: 1, inputSize, activations: 'f32', caps: { subgroup: null } });
  return open(Math.min(MAX_AUTO_BATCH, Math.max(1, Math.floor(AUTO_ARENA_BYTES / plan.arena.bytes))));
}

const isTooLarge = (error: unknown): boolean =>
  isDenseNetError(error) && (error.name === 'LimitError' || error.name === 'OutOfMemoryError');

/** Ctrl-C: the shell's exit code for a command that it ended. */
export const INTERRUPTED = 130;

/** Fires at the first Ctrl-C; the second ends the process. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  process.on('SIGINT', () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    note('Stopping after the pictures that are on the GPU. Ctrl-C again stops at once.');
    controller.abort();
  });
  return controller.signal;
}
