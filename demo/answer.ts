/** Shows the best classes as bars. Each bar is a button that shows the class's map. */
import type { Prediction } from 'densenet-webgpu';
import { milliseconds, percent } from './format.js';
import { make, page } from './page.js';

interface Row {
  readonly item: HTMLLIElement;
  show(prediction: Prediction, isShown: boolean): void;
}

const rows: Row[] = [];

/** Rows are created once and changed in place, so that the focus stays while the camera runs. */
function makeRow(onChoose: (classIndex: number) => void): Row {
  const label = make('span');
  const figure = make('span', { className: 'figure' });
  const bar = make('span', { className: 'bar' });
  const button = make('button', { type: 'button' }, label, figure, make('span', { className: 'track' }, bar));
  let classIndex = 0;
  button.addEventListener('click', () => onChoose(classIndex));
  return {
    item: make('li', {}, button),
    show(prediction, isShown) {
      classIndex = prediction.index;
      label.textContent = prediction.present ? `${prediction.label} (present)` : prediction.label;
      figure.textContent = percent(prediction.probability);
      bar.style.inlineSize = percent(prediction.probability).replace(' ', '');
      button.setAttribute('aria-pressed', String(isShown));
      button.title = `Show the evidence for ${prediction.label}`;
    },
  };
}

/**
 * @param shownClass the class whose map is shown, if any
 * @param onChoose called with the class of the row that the user presses
 */
export function showAnswer(
  predictions: readonly Prediction[],
  shownClass: number | null,
  onChoose: (classIndex: number) => void,
): void {
  while (rows.length < predictions.length) rows.push(makeRow(onChoose));
  for (const [r, prediction] of predictions.entries()) rows[r]?.show(prediction, prediction.index === shownClass);
  const items = rows.slice(0, predictions.length).map(({ item }) => item);
  if (page.answer.children.length !== items.length) page.answer.replaceChildren(...items);
  page.answerNote.hidden = predictions.length > 0;
  const [best] = predictions;
  const figure = make('span', { className: 'figure' }, best ? percent(best.probability) : '');
  page.headline.replaceChildren(make('span', {}, best?.label ?? ''), figure);
}

/** Shows the time of one call by the wall clock. */
export function showTime(time: number): void {
  page.time.hidden = false;
  page.milliseconds.value = milliseconds(time);
}

/** Least time between two announcements while the camera runs. */
const ANNOUNCE_INTERVAL_MS = 2000;
let lastAnnounced = { text: '', at: 0 };

/** Tells screen readers the best class. While the camera runs: only when it changes, and not too often. */
export function announce([best]: readonly Prediction[], isLive: boolean): void {
  if (!best) return;
  const now = performance.now();
  if (isLive && (lastAnnounced.text === best.label || now - lastAnnounced.at < ANNOUNCE_INTERVAL_MS)) return;
  lastAnnounced = { text: best.label, at: now };
  page.announce.textContent = `${best.label}, ${percent(best.probability)}`;
}
