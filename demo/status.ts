/** The line at the top: what the page is doing, or what went wrong and what to do about it. */
import { isDenseNetError, type LoadProgress } from 'densenet-webgpu';
import { bytes } from './format.js';
import { page } from './page.js';

export type Mood = 'busy' | 'ready' | 'error';

export function say(text: string, mood: Mood): void {
  page.status.textContent = text;
  page.status.classList.toggle('ready', mood === 'ready');
  page.status.classList.toggle('error', mood === 'error');
}

/** What a person reads of an error: the package's own errors name culprit and repair. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Does the work and says what went wrong, if anything; what was there before stays.
 *
 * @returns whether it went well
 * @throws what is no error of the package: a defect of the page, which belongs in the console
 */
export async function attempt(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (isDenseNetError(error) && error.name === 'AbortedError') return false;
    say(messageOf(error), 'error');
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

/** Steps of loading a model. The phases after the download have no length worth a number. */
export function showProgress(name: string, { phase, loaded, total }: LoadProgress): void {
  const isMeasured = phase === 'download' && total > 0;
  page.progress.hidden = false;
  if (isMeasured) page.progress.value = loaded / total;
  else page.progress.removeAttribute('value');
  const amount = phase === 'download' ? ` ${bytes(loaded)}${isMeasured ? ` of ${bytes(total)}` : ''}` : '';
  // Percentages would make a screen reader talk without end: the text changes with the phase alone.
  say(`${name}: ${PHASES[phase]} …`, 'busy');
  page.progress.title = amount.trim();
}

export function hideProgress(): void {
  page.progress.hidden = true;
}
