/** Loads models: the default one from its URL, the user's own from a file. */
import { DenseNet, type LoadProgress, ModelFormatError, type ModelSource } from 'densenet-webgpu';
import { bytes } from './format.js';
import type { Converted, ConvertRequest } from './import-worker.js';
import { page } from './page.js';
import { setBusy } from './status.js';

export interface Model {
  readonly net: DenseNet;
  readonly name: string;
  /** How the file was read where it does not say so itself; empty for nothing. */
  readonly note: string;
}

const DEFAULT_MODEL = '/weights/default.safetensors';
let loading = new AbortController();

export const loadDefault = (): Promise<Model> =>
  start((signal) => load(DEFAULT_MODEL, 'The default model', '', signal));

/**
 * Loads any checkpoint that the importer reads. A worker converts it.
 *
 * @param all the files that came together; a TensorFlow.js model has its weights among them
 */
export function loadFile(file: File, all: readonly File[]): Promise<Model> {
  return start(async (signal) => {
    setBusy('model', `${file.name}: reading …`);
    const { bytes, defaulted } = await convert({ file, all }, signal);
    const note = defaulted ? `The file names no preprocessing; pictures are prepared as for ${defaulted}.` : '';
    return load(bytes, file.name, note, signal);
  });
}

/** Aborts the model that is still loading, and starts `work`. */
async function start(work: (signal: AbortSignal) => Promise<Model>): Promise<Model> {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  try {
    return await work(signal);
  } finally {
    if (!signal.aborted) page.progress.hidden = true;
  }
}

const PHASES: Readonly<Record<LoadProgress['phase'], string>> = {
  download: 'downloading',
  read: 'reading the tensors',
  upload: 'uploading the weights',
  compile: 'compiling the kernels',
  tune: 'measuring kernel variants',
};

/** Shows the phase; the download also fills the progress bar. */
function showProgress(name: string, { phase, loaded, total }: LoadProgress): void {
  const isMeasured = phase === 'download' && total > 0;
  page.progress.hidden = false;
  if (isMeasured) page.progress.value = loaded / total;
  else page.progress.removeAttribute('value');
  page.progress.title = phase === 'download' ? `${bytes(loaded)}${isMeasured ? ` of ${bytes(total)}` : ''}` : '';
  setBusy('model', `${name}: ${PHASES[phase]} …`);
}

async function load(source: ModelSource, name: string, note: string, signal: AbortSignal): Promise<Model> {
  const onProgress = (progress: LoadProgress) => showProgress(name, progress);
  return { net: await DenseNet.load(source, { onProgress, signal }), name, note };
}

/** @throws ModelFormatError with the importer's message */
async function convert(request: ConvertRequest, signal: AbortSignal): Promise<Exclude<Converted, { error: string }>> {
  const worker = new Worker('/import-worker.js', { type: 'module' });
  try {
    const answer = await new Promise<Converted>((resolve) => {
      worker.addEventListener('message', ({ data }: MessageEvent<Converted>) => resolve(data));
      worker.addEventListener('error', ({ message }) => resolve({ error: message || 'the importer did not start' }));
      signal.addEventListener('abort', () => resolve({ error: 'another model was chosen' }));
      worker.postMessage(request);
    });
    if ('error' in answer) throw new ModelFormatError(answer.error, { format: 'file' });
    return answer;
  } finally {
    worker.terminate();
  }
}
