/** The current model and image. Keeps the page true to both, and runs one job at a time. */
import type { DenseNet, Prediction } from 'densenet-webgpu';
import { showWebGpuAdvice } from './advice.js';
import { announceAnswer, showAnswer, showTime } from './answer.js';
import { showCharts } from './charts/show.js';
import { showClasses } from './classes.js';
import { describeEvidence, type Evidence, showEvidence } from './evidence.js';
import { showFacts } from './facts.js';
import { describeUnreadable } from './file-kind.js';
import type { Model } from './models.js';
import { page } from './page.js';
import { announce, attempt, clearError, messageOf, setBusy, setError, setIdle, setReady } from './status.js';
import { draw, showCaption, type View } from './viewer.js';
import { visibleCrop } from './visible-crop.js';

interface CurrentImage {
  readonly bitmap: ImageBitmap;
  /** The text below the picture: the image's name, or who made it. */
  readonly caption: string;
  /** A frame of the camera, as long as the camera runs. */
  isLive: boolean;
}

/** An image to show, by its bytes or the promise of them. */
export interface ImageRequest {
  readonly blob: () => Promise<Blob>;
  readonly name: string;
  readonly caption: string;
}

/** Softmax: the best classes. Multi-label models show all findings, within reason. */
const BEST = 5;
const MOST_FINDINGS = 200;

let model: Model | null = null;
/** A network that lives on when another takes its place: the one that is taught. */
let kept: DenseNet | null = null;
let image: CurrentImage | null = null;
/** The class whose map the user asked for; null: the best one. */
let chosenClass: number | null = null;
/** What is drawn: it is drawn again when the colours of the map change. */
let view: View | null = null;
let predictions: readonly Prediction[] = [];

let lastJob: Promise<unknown> = Promise.resolve();

/** A mutex: runs one job at a time, so that no image is classified while its model is swapped. */
function runExclusive<T>(job: () => Promise<T>): Promise<T> {
  const run = lastJob.then(job, job);
  lastJob = run.catch(() => undefined);
  return run;
}

/** Counts requests. Loading takes time: only what was asked for last is shown. */
const requests = { model: 0, image: 0 };

const modelListeners = new Set<(model: Model) => void>();

/** Calls `listener` with each new model, when its answer is on the page. Returns what ends that. */
export function onModel(listener: (model: Model) => void): () => void {
  modelListeners.add(listener);
  return () => modelListeners.delete(listener);
}

/** Loads a model in place of the current one, and classifies the image again. Keeps the current one on failure. */
export async function useModel(load: () => Promise<Model>): Promise<void> {
  const request = ++requests.model;
  const work = async () => {
    const next = await load().catch((error: unknown) => {
      throw showWebGpuAdvice(error);
    });
    await runExclusive(() => swapModel(next));
  };
  const succeeded = await attempt('model', work, () => void useModel(load));
  if (!succeeded || request !== requests.model || !model) return;
  setIdle('model');
  announce(`${model.name} is ready`);
  for (const listener of [...modelListeners]) listener(model);
}

const answerListeners = new Set<() => void>();

/** Calls `listener` whenever an image is drawn with its answer. */
export function onAnswer(listener: () => void): void {
  answerListeners.add(listener);
}

async function swapModel(next: Model): Promise<void> {
  if (model && model.net !== kept && model !== next) model.net.dispose();
  model = next;
  chosenClass = null;
  page.advice.hidden = true;
  showCharts(next.net);
  showFacts(next.net, next.name);
  showClasses(next.net, toggleClass);
  setReady(`${next.name} is ready`);
  if (image) await classifyAndDraw(image);
}

/** Decodes and classifies an image. Keeps the current one on failure. */
export async function useImage(asked: ImageRequest): Promise<void> {
  const request = ++requests.image;
  const isLatest = () => request === requests.image;
  clearError('camera');
  if (model) clearError('model');
  setBusy('image', `${asked.name}: looking …`);
  const bitmap = await decode(asked, isLatest);
  if (!bitmap) return;
  chosenClass = null;
  const work = () => showImage({ bitmap, caption: asked.caption, isLive: false }, isLatest);
  const succeeded = await attempt('image', work, () => void useImage(asked));
  if (succeeded && isLatest()) setIdle('image');
}

/** Returns null and shows the reason when there is no image to decode. */
async function decode(asked: ImageRequest, isLatest: () => boolean): Promise<ImageBitmap | null> {
  let blob: Blob;
  try {
    blob = await asked.blob();
  } catch (error) {
    if (isLatest()) setError('image', messageOf(error), () => void useImage(asked));
    return null;
  }
  try {
    return await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  } catch {
    const text = `${asked.name} ${await describeUnreadable(blob)}`;
    if (isLatest()) setError('image', text);
    return null;
  }
}

/** Shows a frame of the camera. Never dims the answer: frames follow each other quickly. */
export function showFrame(bitmap: ImageBitmap): Promise<void> {
  if (!image?.isLive) chosenClass = null;
  const request = ++requests.image;
  return showImage({ bitmap, caption: 'Camera.', isLive: true }, () => request === requests.image);
}

async function showImage(next: CurrentImage, isLatest: () => boolean): Promise<void> {
  await runExclusive(async () => {
    if (!isLatest()) return next.bitmap.close();
    const before = image;
    image = next;
    try {
      await classifyAndDraw(next);
      before?.bitmap.close();
    } catch (error) {
      image = before;
      next.bitmap.close();
      throw error;
    }
  });
}

/** Call it inside `runExclusive`. */
async function classifyAndDraw(drawn: CurrentImage): Promise<void> {
  const { bitmap, caption } = drawn;
  const crop = visibleCrop(model?.net.metadata.preprocess, bitmap.width, bitmap.height);
  if (!model) {
    view = { bitmap, crop, evidence: null, isLive: drawn.isLive };
    redraw();
    showCaption(caption);
    return;
  }
  const { net } = model;
  const start = performance.now();
  predictions = await net.classify(bitmap, { topK: countOf(net) });
  showTime(performance.now() - start);
  const evidence = page.heat.checked ? await explain(net, bitmap) : null;
  view = { bitmap, crop, evidence, isLive: drawn.isLive };
  redraw();
  showCaption(evidence ? `${caption} ${describeEvidence(evidence)}` : caption);
  showAnswer(net, predictions, evidence?.shown.classIndex ?? null, toggleClass);
  announceAnswer(net, predictions, drawn.isLive);
  for (const listener of answerListeners) listener();
}

const countOf = ({ metadata, config }: DenseNet): number =>
  metadata.activation === 'sigmoid' ? Math.min(config.classes, MOST_FINDINGS) : BEST;

async function explain(net: DenseNet, bitmap: ImageBitmap): Promise<Evidence> {
  const best = await net.explain(bitmap);
  if (chosenClass === null || chosenClass === best.classIndex) return { shown: best, best };
  return { shown: await net.explain(bitmap, { classIndex: chosenClass }), best };
}

/** Draws the image again, with the colours and the opacity that the page says now. */
export function redraw(): void {
  if (!view) return;
  draw(view);
  showEvidence(view.evidence);
}

/** Shows the map of a class, or hides it when it is shown. */
function toggleClass(classIndex: number): void {
  const isShown = classIndex === view?.evidence?.shown.classIndex;
  page.heat.checked = !isShown;
  chosenClass = isShown ? null : classIndex;
  void refresh();
}

/** The last frame of the camera becomes an image like any other. */
export function leaveLive(): void {
  if (image) image.isLive = false;
  if (view) view = { ...view, isLive: false };
  redraw();
}

/** Keeps a network when another takes its place; null: none. */
export function keepNetwork(net: DenseNet | null): void {
  kept = net;
}

/** What is on the page now. */
export function current(): { view: View | null; predictions: readonly Prediction[]; model: Model | null } {
  return { view, predictions, model };
}

/** Shows the map of a class by its name or its index. */
export function showClass(text: string): void {
  if (!model) return;
  const { labels, config } = model.net;
  const named = (labels ?? []).findIndex((label) => label.toLowerCase() === text.toLowerCase());
  const index = named >= 0 ? named : Number(text);
  if (!(Number.isInteger(index) && index >= 0 && index < config.classes) || text.trim() === '') {
    setError(
      'image',
      `the model knows no class "${text}": give one of its names, or a number from 0 to ${config.classes - 1}`,
    );
    return;
  }
  page.heat.checked = true;
  chosenClass = index;
  void refresh();
}

/** Classifies the current image again. */
export async function refresh(): Promise<void> {
  const work = () => runExclusive(async () => image && (await classifyAndDraw(image)));
  await attempt('image', work, () => void refresh());
}

/** Classifies an image beside the current one. Returns null without a model. @throws as `DenseNet.classify` */
export function classifyBeside(bitmap: ImageBitmap): Promise<readonly Prediction[] | null> {
  return runExclusive(async () => (model ? model.net.classify(bitmap, { topK: countOf(model.net) }) : null));
}

/** Runs a job with the current model and image. Returns false without both. @throws what the job throws */
export function withCurrent(job: (net: DenseNet, bitmap: ImageBitmap) => Promise<void>): Promise<boolean> {
  return runExclusive(async () => {
    if (!model || !image) return false;
    await job(model.net, image.bitmap);
    return true;
  });
}
