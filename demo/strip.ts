/** Several pictures at once: a strip of thumbnails with the best class of each, and all predictions as CSV. */
import type { Prediction } from 'densenet-webgpu';
import { hasProbabilities } from './answer.js';
import { classifyBeside, current, onModel, useImage } from './current.js';
import { make } from './dom.js';
import { csv, download } from './download.js';
import { describeUnreadable } from './file-kind.js';
import { score } from './format.js';
import { page } from './page.js';
import { messageOf } from './status.js';

interface Entry {
  readonly file: File;
  readonly label: HTMLElement;
  readonly button: HTMLButtonElement;
  predictions: readonly Prediction[] | null;
}

/** Side of a thumbnail in pixels. */
const THUMBNAIL = 96;

let entries: readonly Entry[] = [];
/** Counts the sets of pictures; an older set stops when a newer one begins. */
let run = 0;

/** Shows a new strip, classifies its pictures one after another, and opens the first. */
export function showStrip(files: readonly File[]): void {
  entries = files.map(createEntry);
  page.strip.replaceChildren(...entries.map(({ button }) => make('li', {}, button)));
  page.stripPanel.hidden = false;
  const [first] = entries;
  if (first) open(first);
  void classifyAll();
}

export function hideStrip(): void {
  run++;
  entries = [];
  page.stripPanel.hidden = true;
}

/** The strip's answers are those of the model before: makes them again. */
export function listenToStrip(): void {
  onModel(() => void classifyAll());
  page.csv.addEventListener('click', downloadCsv);
  page.closeStrip.addEventListener('click', hideStrip);
}

function createEntry(file: File): Entry {
  const label = make('span', {}, '…');
  const button = make('button', { type: 'button', title: file.name }, label);
  const entry: Entry = { file, label, button, predictions: null };
  button.addEventListener('click', () => open(entry));
  return entry;
}

function open(entry: Entry): void {
  for (const { button } of entries) button.setAttribute('aria-pressed', String(button === entry.button));
  void useImage({ blob: async () => entry.file, name: entry.file.name, caption: `${entry.file.name}.` });
}

async function classifyAll(): Promise<void> {
  const own = ++run;
  for (const [e, entry] of entries.entries()) {
    page.stripNote.textContent = `${e} of ${entries.length} pictures done`;
    await classifyEntry(entry).catch((error: unknown) => {
      entry.label.textContent = 'failed';
      entry.button.title = `${entry.file.name}: ${messageOf(error)}`;
    });
    if (own !== run) return;
  }
  page.stripNote.textContent = `${entries.length} pictures`;
}

async function classifyEntry(entry: Entry): Promise<void> {
  const { file, label, button } = entry;
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  } catch {
    throw new Error(await describeUnreadable(file));
  }
  if (!button.querySelector('canvas')) button.prepend(thumbnailOf(bitmap));
  try {
    entry.predictions = await classifyBeside(bitmap);
    const [best] = entry.predictions ?? [];
    const { model } = current();
    const isProbability = model === null || hasProbabilities(model.net);
    label.textContent = best ? `${best.label} ${score(best.probability, isProbability)}` : '…';
  } finally {
    bitmap.close();
  }
}

function thumbnailOf(bitmap: ImageBitmap): HTMLCanvasElement {
  const canvas = make('canvas', { width: THUMBNAIL, height: THUMBNAIL });
  canvas.setAttribute('aria-hidden', 'true');
  const scale = THUMBNAIL / Math.min(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  canvas.getContext('2d')?.drawImage(bitmap, (THUMBNAIL - width) / 2, (THUMBNAIL - height) / 2, width, height);
  return canvas;
}

/** One row for each picture: its name, then classes and probabilities, best first. */
function downloadCsv(): void {
  const most = Math.max(0, ...entries.map(({ predictions }) => predictions?.length ?? 0));
  const head = ['file', ...Array.from({ length: most }, (_, k) => [`class ${k + 1}`, `probability ${k + 1}`]).flat()];
  const rows = entries.map(({ file, predictions }) => [
    file.name,
    ...(predictions ?? []).flatMap(({ label, probability }) => [label, probability.toFixed(6)]),
  ]);
  download(csv([head, ...rows]), 'predictions.csv', 'text/csv');
}
