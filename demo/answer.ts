/** Shows the predictions as bars. Each bar is a button that shows the class's map. */
import type { DenseNet, Prediction } from 'densenet-webgpu';
import { make } from './dom.js';
import { milliseconds, percent, score } from './format.js';
import { page } from './page.js';
import { announce } from './status.js';

/** Below this probability of the best class, no class fits well. */
const FITS_FROM = 0.5;

interface Row {
  readonly item: HTMLLIElement;
  show(prediction: Prediction, isShown: boolean, scale: RowScale): void;
}

/** How a score is drawn. */
interface RowScale {
  /** Probabilities, or logits where the network has no activation. */
  readonly isProbability: boolean;
  /** The score that fills the bar. */
  readonly full: number;
  readonly threshold: number | null;
}

const rows: Row[] = [];

/** Rows are created once and changed in place, so that the focus stays while the camera runs. */
function makeRow(onChoose: (classIndex: number) => void): Row {
  const label = make('span');
  const figure = make('span', { className: 'figure' });
  const bar = make('span', { className: 'bar' });
  const mark = make('span', { className: 'threshold' });
  const track = make('span', { className: 'track' }, bar, mark);
  const button = make('button', { type: 'button' }, label, figure, track);
  let classIndex = 0;
  button.addEventListener('click', () => onChoose(classIndex));
  return {
    item: make('li', {}, button),
    show(prediction, isShown, { isProbability, full, threshold }) {
      classIndex = prediction.index;
      label.textContent = prediction.present ? `${prediction.label} (present)` : prediction.label;
      figure.textContent = score(prediction.probability, isProbability);
      bar.style.inlineSize = `${Math.max(0, (100 * prediction.probability) / full)}%`;
      mark.hidden = threshold === null;
      mark.style.insetInlineStart = `${100 * (threshold ?? 0)}%`;
      button.setAttribute('aria-pressed', String(isShown));
      button.title = `Show the evidence for ${prediction.label}${threshold === null ? '' : `; threshold ${percent(threshold)}`}`;
    },
  };
}

/**
 * @param predictions best first
 * @param shownClass the class whose map is shown, if any
 * @param onChoose called with the class of the row that the user presses
 */
export function showAnswer(
  net: DenseNet,
  predictions: readonly Prediction[],
  shownClass: number | null,
  onChoose: (classIndex: number) => void,
): void {
  while (rows.length < predictions.length) rows.push(makeRow(onChoose));
  const isProbability = hasProbabilities(net);
  const full = isProbability ? 1 : Math.max(1e-6, predictions[0]?.probability ?? 0);
  for (const [r, prediction] of predictions.entries()) {
    const threshold = net.metadata.thresholds?.[prediction.index] ?? null;
    rows[r]?.show(prediction, prediction.index === shownClass, { isProbability, full, threshold });
  }
  const items = rows.slice(0, predictions.length).map(({ item }) => item);
  if (page.answer.children.length !== items.length) page.answer.replaceChildren(...items);
  page.answer.classList.toggle('long', items.length > 8);
  const note = describeFit(net, predictions);
  page.answerNote.textContent = note;
  page.answerNote.hidden = note === '';
  const [best] = predictions;
  const figure = make('span', { className: 'figure' }, best ? score(best.probability, isProbability) : '');
  page.headline.replaceChildren(make('span', {}, best?.label ?? ''), figure);
}

/** Without an activation the scores are logits. */
export const hasProbabilities = ({ metadata }: DenseNet): boolean => metadata.activation !== 'none';

/** What the figures alone do not say: that no class fits, or that nothing was found. Empty when the best class fits. */
export function describeFit(
  { metadata, config }: Pick<DenseNet, 'metadata' | 'config'>,
  predictions: readonly Prediction[],
): string {
  const best = predictions[0]?.probability ?? 0;
  if (metadata.activation === 'none') return 'The scores are logits: the network has no softmax.';
  if (metadata.activation !== 'sigmoid') {
    return best < FITS_FROM ? `None of the ${config.classes} classes fits well.` : '';
  }
  const judged = predictions.filter(({ present }) => present !== undefined);
  if (judged.length === 0) return 'Each class is judged on its own. The model names no thresholds.';
  const found = judged.filter(({ present }) => present).length;
  return `${found === 0 ? 'None' : found} of ${judged.length} findings ${found === 1 ? 'reaches its' : 'reach their'} threshold.`;
}

/** Shows the time of one call by the wall clock. */
export function showTime(time: number): void {
  page.time.hidden = false;
  page.milliseconds.textContent = milliseconds(time);
}

/** Least time between two announcements while the camera runs. */
const ANNOUNCE_INTERVAL_MS = 2000;
let lastAnnounced = { text: '', at: 0 };

/** Tells screen readers the best class. While the camera runs: only when it changes, and not too often. */
export function announceAnswer(net: DenseNet, [best]: readonly Prediction[], isLive: boolean): void {
  if (!best) return;
  const now = performance.now();
  if (isLive && (lastAnnounced.text === best.label || now - lastAnnounced.at < ANNOUNCE_INTERVAL_MS)) return;
  lastAnnounced = { text: best.label, at: now };
  announce(`${best.label}, ${score(best.probability, hasProbabilities(net))}`);
}
