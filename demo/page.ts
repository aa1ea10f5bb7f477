/** The page's elements and what is shown in them. Knows no network. */
import type { Heatmap, Prediction } from 'densenet-webgpu';

function find<T extends Element>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${type.name} #${id}`);
}

export const page = {
  view: find('view', HTMLCanvasElement),
  drop: find('drop', HTMLElement),
  choose: find('choose', HTMLButtonElement),
  file: find('file', HTMLInputElement),
  camera: find('camera', HTMLButtonElement),
  heat: find('heat', HTMLInputElement),
  samples: find('samples', HTMLUListElement),
  status: find('status', HTMLElement),
  progress: find('progress', HTMLProgressElement),
  answer: find('answer', HTMLOListElement),
  facts: find('facts', HTMLElement),
  arena: find('arena', HTMLElement),
  measure: find('measure', HTMLButtonElement),
  timeNote: find('time-note', HTMLElement),
  time: find('time', HTMLElement),
} as const;

export function say(text: string, isError = false): void {
  page.status.textContent = text;
  page.status.classList.toggle('error', isError);
}

/** The whole picture, fitted into the square; only for the eye, the network reads the picture itself. */
export function showPicture(picture: CanvasImageSource, width: number, height: number): void {
  const { view } = page;
  const context = view.getContext('2d');
  if (!context) return;
  const scale = Math.min(view.width / width, view.height / height);
  const [w, h] = [width * scale, height * scale];
  context.clearRect(0, 0, view.width, view.height);
  context.imageSmoothingEnabled = scale < 4;
  context.drawImage(picture, (view.width - w) / 2, (view.height - h) / 2, w, h);
}

/** The heat map over the picture, where the network's crop covers it all. */
export function showHeat(heat: Heatmap, width: number, height: number): void {
  const { view } = page;
  const scale = Math.min(view.width / width, view.height / height);
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  const { data } = heat.overlay(w, h);
  const overlay = new OffscreenCanvas(w, h);
  overlay.getContext('2d')?.putImageData(new ImageData(data, w, h), 0, 0);
  view.getContext('2d')?.drawImage(overlay, (view.width - w) / 2, (view.height - h) / 2);
}

export function showAnswer(predictions: readonly Prediction[]): void {
  page.answer.replaceChildren(
    ...predictions.map(({ label, probability }) => {
      const item = document.createElement('li');
      const percent = `${(probability * 100).toFixed(1)} %`;
      const meter = document.createElement('meter');
      meter.value = probability;
      meter.setAttribute('aria-label', `${label}: ${percent}`);
      item.append(span(label), span(percent), meter);
      return item;
    }),
  );
}

function span(text: string): HTMLElement {
  const made = document.createElement('span');
  made.textContent = text;
  return made;
}

export function showFacts(facts: Readonly<Record<string, string>>): void {
  page.facts.replaceChildren(
    ...Object.entries(facts).flatMap(([term, text]) => {
      const [dt, dd] = [document.createElement('dt'), document.createElement('dd')];
      dt.textContent = term;
      dd.textContent = text;
      return [dt, dd];
    }),
  );
}
