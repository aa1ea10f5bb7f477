/** The status line: what the page is doing, or what went wrong and what to do about it. */
import { isDenseNetError, type LoadProgress } from 'densenet-webgpu';
import { bytes } from './format.js';
import { page } from './page.js';

export type StatusKind = 'busy' | 'ready' | 'error';

export function showStatus(text: string, kind: StatusKind): void {
  page.status.textContent = text;
  page.status.classList.toggle('ready', kind === 'ready');
  page.status.classList.toggle('error', kind === 'error');
}

/** The text of an error for a person. The package's own errors say what to do. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Runs `work` and shows its error in the status line.
 *
 * @returns whether it succeeded
 * @throws every error that is not the package's: such an error is a defect of the page and belongs in the console
 */
export async function attempt(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (isDenseNetError(error) && error.name === 'AbortedError') return false;
    showStatus(messageOf(error), 'error');
    if (!isDenseNetError(error)) throw error;
    return false;
  }
}

const PHASES: Readonly<Record<LoadProgress['phase'], string>> = {
  download: 'downloading',
  read: 'reading the tensors',
  upload: 'uploading the weights',
  compile: 'compiling the kernels',
  tune: 'measuring kernel variants',
};

/** Shows the phase of loading a model; the download also fills the progress bar. */
export function showProgress(name: string, { phase, loaded, total }: LoadProgress): void {
  const isMeasured = phase === 'download' && total > 0;
  page.progress.hidden = false;
  if (isMeasured) page.progress.value = loaded / total;
  else page.progress.removeAttribute('value');
  const amount = phase === 'download' ? ` ${bytes(loaded)}${isMeasured ? ` of ${bytes(total)}` : ''}` : '';
  // No percentage in the text: a screen reader would read out each change.
  showStatus(`${name}: ${PHASES[phase]} …`, 'busy');
  page.progress.title = amount.trim();
}

export function hideProgress(): void {
  page.progress.hidden = true;
}
