/** The demo: pictures and models in, answers, evidence, memory and times out. */

import { advise } from './advice.js';
import { announce, showAnswer, showTime } from './answer.js';
import { isLive, startCamera, stopCamera } from './camera.js';
import { listenToCharts, showArena, showTimes } from './charts/show.js';
import { showFacts } from './facts.js';
import { isPicture, listenForFiles } from './file-input.js';
import { inTurn } from './lane.js';
import { loadDefault, loadFile, type Model } from './models.js';
import { page } from './page.js';
import { fetchSample, markSample, type Sample, showSamples } from './samples.js';
import { seenBy } from './visible-crop.js';
import { attempt, say } from './status.js';
import { caption, draw } from './viewer.js';

interface Exhibit {
  readonly picture: ImageBitmap;
  readonly text: string;
}

let model: Model | null = null;
let exhibit: Exhibit | null = null;
/** The class whose evidence is wanted; null: the best one. */
let chosen: number | null = null;
/** The class whose evidence is on the picture. */
let explained: number | null = null;

async function exchange(load: () => Promise<Model>): Promise<void> {
  const next = await load().catch((error: unknown) => {
    advise(error);
    throw error;
  });
  await inTurn(async () => {
    model?.net.dispose();
    model = next;
    chosen = null;
    showArena(next.net.plan);
    showFacts(next.net, next.name, next.note);
    say(`${next.name} is ready`, 'ready');
    if (exhibit) await look(exhibit);
  });
}

/** Classifies and explains; only called in turn. */
async function look({ picture, text }: Exhibit): Promise<void> {
  const seen = seenBy(model?.net.metadata.preprocess, picture.width, picture.height);
  if (!model) {
    draw({ picture, seen });
    caption(text, text);
    return;
  }
  const { net } = model;
  const start = performance.now();
  const predictions = await net.classify(picture);
  showTime(performance.now() - start);
  const heat = page.heat.checked ? await net.explain(picture, chosen === null ? {} : { classIndex: chosen }) : null;
  explained = heat?.classIndex ?? null;
  draw({ picture, seen, heat });
  if (heat) caption(`${text} Evidence for ${heat.label}.`, `${text} With the evidence for ${heat.label}.`);
  else caption(text, text);
  showAnswer(predictions, explained, choose);
  announce(predictions, isLive());
}

/** A row was pressed: shows its evidence, or takes it away. */
function choose(classIndex: number): void {
  const isShown = classIndex === explained;
  page.heat.checked = !isShown;
  chosen = isShown ? null : classIndex;
  again();
}

async function again(): Promise<void> {
  await attempt(() =>
    inTurn(async () => {
      if (exhibit) await look(exhibit);
    }),
  );
}

/** Pictures asked for so far. Of several that come at once only the one asked for last is looked at. */
let asked = 0;

/** @param turn what {@link asked} was when the picture was asked for: to fetch and decode it takes as long as it takes */
async function show(picture: ImageBitmap, text: string, turn: number): Promise<void> {
  await inTurn(async () => {
    if (turn !== asked) return picture.close();
    exhibit?.picture.close();
    exhibit = { picture, text };
    await look(exhibit);
  });
}

async function usePicture(blob: Blob | Promise<Blob>, name: string, text = `${name}.`): Promise<void> {
  const turn = ++asked;
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(await blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  } catch {
    say(`${name} is no picture that this browser can decode: try a JPEG, PNG or WebP`, 'error');
    return;
  }
  chosen = null;
  const isFine = await attempt(() => show(picture, text, turn));
  if (isFine && model) say(`${model.name} is ready`, 'ready');
}

async function useFile(file: File, others: readonly File[]): Promise<void> {
  stopCamera();
  if (!isPicture(file)) {
    await attempt(() => exchange(() => loadFile(file, others)));
    return;
  }
  markSample(null);
  await usePicture(file, file.name);
}

async function useSample(sample: Sample): Promise<void> {
  stopCamera();
  markSample(sample);
  await usePicture(fetchSample(sample), sample.file, sample.credit);
}

async function toggleCamera(): Promise<void> {
  if (isLive()) return stopCamera();
  chosen = null;
  markSample(null);
  await attempt(() => startCamera((frame) => show(frame, 'Camera.', ++asked)));
}

async function measure(): Promise<void> {
  const [current, subject] = [model, exhibit];
  if (!current || !subject) {
    say('choose a picture first', 'error');
    return;
  }
  page.measure.disabled = true;
  page.measureNote.textContent = 'Measuring …';
  await attempt(() => inTurn(async () => showTimes(await current.net.profile(subject.picture))));
  page.measure.disabled = false;
}

async function begin(): Promise<void> {
  const samples = await showSamples(useSample);
  const [first] = samples;
  await Promise.all([first && useSample(first), attempt(() => exchange(loadDefault))]);
}

listenForFiles(useFile);
listenToCharts();
page.camera.addEventListener('click', toggleCamera);
page.heat.addEventListener('change', again);
page.measure.addEventListener('click', measure);
await begin();
