/** The demo page: takes images and models, shows predictions, class activation maps, memory and times. */

import type { DenseNet } from 'densenet-webgpu';
import { showWebGpuAdvice } from './advice.js';
import { announce, showAnswer, showTime } from './answer.js';
import { isLive, startCamera, stopCamera } from './camera.js';
import { listenToCharts, showArena, showTimes } from './charts/show.js';
import { describeEvidence, type Evidence, listenToEvidence, showEvidence } from './evidence.js';
import { showFacts } from './facts.js';
import { isImage, listenForFiles } from './file-input.js';
import { loadDefault, loadFile, type Model } from './models.js';
import { page } from './page.js';
import { fetchSample, markSample, type Sample, showSamples } from './samples.js';
import { attempt, showStatus } from './status.js';
import { draw, showCaption, type View } from './viewer.js';
import { visibleCrop } from './visible-crop.js';

interface CurrentImage {
  readonly bitmap: ImageBitmap;
  readonly caption: string;
}

let model: Model | null = null;
let current: CurrentImage | null = null;
/** The class whose map the user asked for; null: the best one. */
let chosenClass: number | null = null;
/** What is drawn: it is drawn again when the colours of the map change. */
let view: View | null = null;

let lastJob: Promise<unknown> = Promise.resolve();

/** A mutex: runs one job at a time, so that no image is classified while its model is swapped. */
function runExclusive<T>(job: () => Promise<T>): Promise<T> {
  const run = lastJob.then(job, job);
  lastJob = run.catch(() => undefined);
  return run;
}

async function swapModel(load: () => Promise<Model>): Promise<void> {
  const next = await load().catch((error: unknown) => {
    showWebGpuAdvice(error);
    throw error;
  });
  await runExclusive(async () => {
    model?.net.dispose();
    model = next;
    chosenClass = null;
    showArena(next.net.plan);
    showFacts(next.net, next.name, next.note);
    showStatus(`${next.name} is ready`, 'ready');
    if (current) await classifyAndDraw(current);
  });
}

/** Call it inside `runExclusive`. */
async function classifyAndDraw({ bitmap, caption }: CurrentImage): Promise<void> {
  const crop = visibleCrop(model?.net.metadata.preprocess, bitmap.width, bitmap.height);
  if (!model) {
    view = { bitmap, crop, evidence: null };
    redraw();
    showCaption(caption);
    return;
  }
  const { net } = model;
  const start = performance.now();
  const predictions = await net.classify(bitmap);
  showTime(performance.now() - start);
  const evidence = page.heat.checked ? await explain(net, bitmap) : null;
  view = { bitmap, crop, evidence };
  redraw();
  showCaption(evidence ? `${caption} ${describeEvidence(evidence)}` : caption);
  showAnswer(predictions, evidence?.shown.classIndex ?? null, toggleClass);
  announce(predictions, isLive());
}

function redraw(): void {
  if (!view) return;
  draw(view);
  showEvidence(view.evidence);
}

async function explain(net: DenseNet, bitmap: ImageBitmap): Promise<Evidence> {
  const best = await net.explain(bitmap);
  if (chosenClass === null || chosenClass === best.classIndex) return { shown: best, best };
  return { shown: await net.explain(bitmap, { classIndex: chosenClass }), best };
}

/** Shows the map of a class, or hides it when it is shown. */
function toggleClass(classIndex: number): void {
  const isShown = classIndex === view?.evidence?.shown.classIndex;
  page.heat.checked = !isShown;
  chosenClass = isShown ? null : classIndex;
  refresh();
}

async function refresh(): Promise<void> {
  await attempt(() =>
    runExclusive(async () => {
      if (current) await classifyAndDraw(current);
    }),
  );
}

/** Counts the images asked for. Fetching and decoding take time: only the image asked for last is classified. */
let requests = 0;

/** @param request the value of {@link requests} when the image was asked for */
async function showImage(bitmap: ImageBitmap, caption: string, request: number): Promise<void> {
  await runExclusive(async () => {
    if (request !== requests) return bitmap.close();
    current?.bitmap.close();
    current = { bitmap, caption };
    await classifyAndDraw(current);
  });
}

async function useImage(blob: Blob | Promise<Blob>, name: string, caption = `${name}.`): Promise<void> {
  const request = ++requests;
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(await blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  } catch {
    showStatus(`${name} is no picture that this browser can decode: try a JPEG, PNG or WebP`, 'error');
    return;
  }
  chosenClass = null;
  const succeeded = await attempt(() => showImage(bitmap, caption, request));
  if (succeeded && model) showStatus(`${model.name} is ready`, 'ready');
}

async function useFile(file: File, all: readonly File[]): Promise<void> {
  stopCamera();
  if (!isImage(file)) {
    await attempt(() => swapModel(() => loadFile(file, all)));
    return;
  }
  markSample(null);
  await useImage(file, file.name);
}

async function useSample(sample: Sample): Promise<void> {
  stopCamera();
  markSample(sample);
  await useImage(fetchSample(sample), sample.file, sample.credit);
}

async function toggleCamera(): Promise<void> {
  if (isLive()) return stopCamera();
  chosenClass = null;
  markSample(null);
  await attempt(() => startCamera((frame) => showImage(frame, 'Camera.', ++requests)));
}

async function measure(): Promise<void> {
  const [measured, image] = [model, current];
  if (!measured || !image) {
    showStatus('choose a picture first', 'error');
    return;
  }
  page.measure.disabled = true;
  page.measureNote.textContent = 'Measuring …';
  await attempt(() => runExclusive(async () => showTimes(await measured.net.profile(image.bitmap))));
  page.measure.disabled = false;
}

async function begin(): Promise<void> {
  const samples = await showSamples(useSample);
  const [first] = samples;
  await Promise.all([first && useSample(first), attempt(() => swapModel(loadDefault))]);
}

listenForFiles(useFile);
listenToCharts();
listenToEvidence(redraw);
page.camera.addEventListener('click', toggleCamera);
page.heat.addEventListener('change', refresh);
page.measure.addEventListener('click', measure);
await begin();
