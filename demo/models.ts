/** Models: the default one by URL, anybody's own by file. */
import { DenseNet, ModelFormatError, type ModelSource } from 'densenet-webgpu';
import type { Chosen, Converted } from './import-worker.js';
import { hideProgress, say, showProgress } from './status.js';

export interface Model {
  readonly net: DenseNet;
  readonly name: string;
  /** What a person should know of how the file was understood; empty for nothing. */
  readonly note: string;
}

const DEFAULT_MODEL = '/weights/default.safetensors';
let loading = new AbortController();

export const loadDefault = (): Promise<Model> =>
  start((signal) => load(DEFAULT_MODEL, 'The default model', '', signal));

/**
 * Any checkpoint that the importer reads, converted by a worker that is started when first needed.
 *
 * @param others files that came with it, where a model may have its weights
 */
export function loadFile(file: File, others: readonly File[]): Promise<Model> {
  return start(async (signal) => {
    say(`${file.name}: reading …`, 'busy');
    const { bytes, assumed } = await convert({ file, others }, signal);
    const note = assumed ? `The file names no preprocessing; pictures are prepared as for ${assumed}.` : '';
    return load(bytes, file.name, note, signal);
  });
}

/** A newer model calls off one that is still loading. */
async function start(work: (signal: AbortSignal) => Promise<Model>): Promise<Model> {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  try {
    return await work(signal);
  } finally {
    if (!signal.aborted) hideProgress();
  }
}

async function load(source: ModelSource, name: string, note: string, signal: AbortSignal): Promise<Model> {
  const onProgress = (progress: Parameters<typeof showProgress>[1]) => showProgress(name, progress);
  return { net: await DenseNet.load(source, { onProgress, signal }), name, note };
}

/** @throws ModelFormatError with the importer's message */
async function convert(chosen: Chosen, signal: AbortSignal): Promise<Exclude<Converted, { error: string }>> {
  const worker = new Worker('/import-worker.js', { type: 'module' });
  try {
    const answer = await new Promise<Converted>((resolve) => {
      worker.addEventListener('message', ({ data }: MessageEvent<Converted>) => resolve(data));
      worker.addEventListener('error', ({ message }) => resolve({ error: message || 'the importer did not start' }));
      signal.addEventListener('abort', () => resolve({ error: 'another model was chosen' }));
      worker.postMessage(chosen);
    });
    if ('error' in answer) throw new ModelFormatError(answer.error, { format: 'file' });
    return answer;
  } finally {
    worker.terminate();
  }
}
