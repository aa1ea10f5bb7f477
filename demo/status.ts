/**
 * The status line: what the page is doing, or what went wrong and what to do about it. Each subject has its own state,
 * so that an error stays until its cause is gone. The old answer is dimmed while a new one is on its way.
 */
import { isDenseNetError } from 'densenet-webgpu';
import { page } from './page.js';

export type Subject = 'model' | 'image' | 'camera';

type State =
  | { readonly kind: 'busy'; readonly text: string }
  | { readonly kind: 'error'; readonly text: string; readonly retry: (() => void) | null };

/** Of several errors, the first subject's is shown. */
const SUBJECTS: readonly Subject[] = ['model', 'image', 'camera'];

/** A second attempt may help against these errors of the package. */
const PASSING: ReadonlySet<string> = new Set(['DownloadError', 'TimeoutError', 'DeviceLostError', 'OutOfMemoryError']);

const states = new Map<Subject, State>([['model', { kind: 'busy', text: 'Starting …' }]]);
let readyText = '';

/** The subject is at work: its error is gone, and the answer on the page is old. */
export function setBusy(subject: Subject, text: string): void {
  states.set(subject, { kind: 'busy', text });
  render();
}

/** The subject has finished. */
export function setIdle(subject: Subject): void {
  states.delete(subject);
  render();
}

/** The cause of the subject's error is gone. */
export function clearError(subject: Subject): void {
  if (states.get(subject)?.kind === 'error') setIdle(subject);
}

/** @param retry repeats what failed, when the user presses "Try again" */
export function setError(subject: Subject, text: string, retry: (() => void) | null = null): void {
  states.set(subject, { kind: 'error', text, retry });
  render();
  announce(text);
}

/** The text when no subject is busy and nothing failed. */
export function setReady(text: string): void {
  readyText = text;
  render();
}

const currentStates = (): readonly State[] => SUBJECTS.flatMap((subject) => states.get(subject) ?? []);

function render(): void {
  const all = currentStates();
  const shown = all.find(({ kind }) => kind === 'error') ?? all[0];
  const isBusy = all.some(({ kind }) => kind === 'busy');
  page.status.textContent = shown?.text ?? readyText;
  page.status.classList.toggle('ready', !shown);
  page.status.classList.toggle('error', shown?.kind === 'error');
  page.retry.hidden = !(shown?.kind === 'error' && shown.retry);
  page.answerPanel.classList.toggle('stale', isBusy);
  page.answerPanel.setAttribute('aria-busy', String(isBusy));
  page.headline.classList.toggle('stale', isBusy);
}

/** "Try again" repeats what failed. */
export function listenToRetry(): void {
  page.retry.addEventListener('click', () => {
    const failed = currentStates().find(({ kind }) => kind === 'error');
    if (failed?.kind === 'error') failed.retry?.();
  });
}

/** Tells screen readers. This is the only live region of the page. */
export function announce(text: string): void {
  page.announce.textContent = text;
}

/** The text of an error for a person. The package's own errors say what to do. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Runs `work`. Shows its error under `subject`, with "Try again" where a second attempt may help.
 *
 * @returns whether it succeeded
 * @throws every error that is not the package's: such an error is a defect of the page and belongs in the console
 */
export async function attempt(subject: Subject, work: () => Promise<unknown>, retry: () => void): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (isDenseNetError(error) && error.name === 'AbortedError') return false;
    const mayPass = isDenseNetError(error) && PASSING.has(error.name);
    setError(subject, messageOf(error), mayPass ? retry : null);
    if (!isDenseNetError(error)) throw error;
    return false;
  }
}
