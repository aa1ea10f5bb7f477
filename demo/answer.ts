/** The five best classes as bars. Each is a button that asks for its evidence in the picture. */
import type { Prediction } from 'densenet-webgpu';
import { milliseconds, percent } from './format.js';
import { make, page } from './page.js';

interface Row {
  readonly item: HTMLLIElement;
  show(prediction: Prediction, isChosen: boolean): void;
}

const rows: Row[] = [];

/** Rows are made once and changed in place: focus stays where it is while a camera runs. */
function makeRow(onChoose: (classIndex: number) => void): Row {
  const label = make('span');
  const figure = make('span', { className: 'figure' });
  const bar = make('span', { className: 'bar' });
  const button = make('button', { type: 'button' }, label, figure, make('span', { className: 'track' }, bar));
  let classIndex = 0;
  button.addEventListener('click', () => onChoose(classIndex));
  return {
    item: make('li', {}, button),
    show(prediction, isChosen) {
      classIndex = prediction.index;
      label.textContent = prediction.present ? `${prediction.label} (present)` : prediction.label;
      figure.textContent = percent(prediction.probability);
      bar.style.inlineSize = percent(prediction.probability).replace(' ', '');
      button.setAttribute('aria-pressed', String(isChosen));
      button.title = `Show the evidence for ${prediction.label}`;
    },
  };
}

/**
 * @param chosen the class whose evidence is shown, if any is
 * @param onChoose called with the class of the row that was pressed
 */
export function showAnswer(
  predictions: readonly Prediction[],
  chosen: number | null,
  onChoose: (classIndex: number) => void,
): void {
  while (rows.length < predictions.length) rows.push(makeRow(onChoose));
  for (const [r, prediction] of predictions.entries()) rows[r]?.show(prediction, prediction.index === chosen);
  const items = rows.slice(0, predictions.length).map(({ item }) => item);
  if (page.answer.children.length !== items.length) page.answer.replaceChildren(...items);
  page.answerNote.hidden = predictions.length > 0;
  const [best] = predictions;
  const figure = make('span', { className: 'figure' }, best ? percent(best.probability) : '');
  page.headline.replaceChildren(make('span', {}, best?.label ?? ''), figure);
}

/** Of one call by the wall clock. */
export function showTime(time: number): void {
  page.time.hidden = false;
  page.milliseconds.value = milliseconds(time);
}

/** Milliseconds between two announcements of a live picture. */
const PAUSE = 2000;
let said = { text: '', at: 0 };

/** For screen readers: the best class; from a camera only when it changes, and not too often. */
export function announce([best]: readonly Prediction[], isLive: boolean): void {
  if (!best) return;
  const now = performance.now();
  if (isLive && (said.text === best.label || now - said.at < PAUSE)) return;
  said = { text: best.label, at: now };
  page.announce.textContent = `${best.label}, ${percent(best.probability)}`;
}
