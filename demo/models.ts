/** Loads models from an address or from bytes, and shows the progress. */
import { DenseNet, type LoadProgress, ModelFormatError, type ModelSource } from 'densenet-webgpu';
import { bytes } from './format.js';
import { page } from './page.js';
import { setBusy } from './status.js';

export interface Model {
  readonly net: DenseNet;
  readonly name: string;
  /** The model that this one was taught from, on this page. */
  readonly base?: Model;
}

const DEFAULT_MODEL = '/weights/default.safetensors';
let loading = new AbortController();

export const loadDefault = (): Promise<Model> =>
  startLoading((signal) => loadModel(DEFAULT_MODEL, 'The default model', signal));

/** Aborts the model that is still loading, and starts `work`. */
export async function startLoading(work: (signal: AbortSignal) => Promise<Model>): Promise<Model> {
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

/**
 * A file with a head alone is put on the default model, which is the only one that the page has by itself.
 *
 * @throws as `DenseNet.load`
 */
export async function loadModel(source: ModelSource, name: string, signal: AbortSignal): Promise<Model> {
  const options = { onProgress: (progress: LoadProgress) => showProgress(name, progress), signal };
  try {
    return { net: await DenseNet.load(source, options), name };
  } catch (error) {
    if (!(error instanceof ModelFormatError && error.context.format === 'head')) throw error;
    return { net: await DenseNet.load(DEFAULT_MODEL, { ...options, head: source }), name };
  }
}
