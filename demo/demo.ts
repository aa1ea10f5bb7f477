/** The demo: pictures and models in, answers, evidence, memory and times out. */
import { DenseNet, isDenseNetError, type ModelSource } from 'densenet-webgpu';
import { arenaChart, timeChart } from './charts.js';
import { page, say, showAnswer, showFacts, showHeat, showPicture } from './page.js';

const DEFAULT_MODEL = '/weights/default.safetensors';
const MEBI = 2 ** 20;

let net: DenseNet | null = null;
let picture: ImageBitmap | null = null;
let stopCamera: (() => void) | null = null;

/** Says what went wrong; what was there before stays. */
async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isDenseNetError(error)) throw error;
    say(error.message, true);
  } finally {
    page.progress.hidden = true;
  }
}

async function loadModel(source: ModelSource, name: string): Promise<void> {
  say(`Loading ${name} …`);
  page.progress.hidden = false;
  const next = await DenseNet.load(source, {
    onProgress({ phase, loaded, total }) {
      if (total > 0) page.progress.value = loaded / total;
      else page.progress.removeAttribute('value');
      say(`Loading ${name}: ${phase} …`);
    },
  });
  net?.dispose();
  net = next;
  page.arena.replaceChildren(arenaChart(next.plan));
  page.time.replaceChildren();
  describe(next, name);
  say(`${name} is ready. Choose a picture.`);
  if (picture) await classify();
}

function describe(loaded: DenseNet, name: string, milliseconds?: number): void {
  const { adapter, config, memory } = loaded;
  const size = (bytes: number) => `${(bytes / MEBI).toFixed(1)} MiB`;
  showFacts({
    Model: name,
    Network: `${config.blocks.join('-')} layers, growth rate ${config.growthRate}, ${config.classes} classes`,
    Adapter: [adapter.vendor, adapter.architecture, adapter.description].filter(Boolean).join(' · ') || 'unnamed',
    Memory: `${size(memory.totalBytes)}: weights ${size(memory.weightBytes)}, arena ${size(memory.arenaBytes)}`,
    ...(milliseconds === undefined ? {} : { Time: `${milliseconds.toFixed(1)} ms` }),
  });
  modelName = name;
}

let modelName = '';

async function classify(): Promise<void> {
  if (!net || !picture) return;
  const start = performance.now();
  const predictions = await net.classify(picture);
  const milliseconds = performance.now() - start;
  showPicture(picture, picture.width, picture.height);
  showAnswer(predictions);
  describe(net, modelName, milliseconds);
  const [best] = predictions;
  say(best ? `${best.label}, ${(best.probability * 100).toFixed(1)} %` : 'No answer');
  if (page.heat.checked) showHeat(await net.explain(picture), picture.width, picture.height);
}

async function usePicture(blob: Blob, name: string): Promise<void> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  } catch {
    say(`${name} is no picture that this browser can decode: try a JPEG, PNG or WebP`, true);
    return;
  }
  picture?.close();
  picture = bitmap;
  showPicture(bitmap, bitmap.width, bitmap.height);
  await attempt(classify);
}

/** A picture or a model, told apart by type and name. */
async function useFile(file: File): Promise<void> {
  stopCamera?.();
  if (file.type.startsWith('image/')) await usePicture(file, file.name);
  else if (file.name.endsWith('.safetensors')) await attempt(() => loadModel(file, file.name));
  else await importModel(file);
}

/** Checkpoints of other frameworks are converted by a worker, loaded when first needed. */
async function importModel(file: File): Promise<void> {
  say(`Converting ${file.name} …`);
  const worker = new Worker('/import-worker.js', { type: 'module' });
  const answer = await new Promise<{ bytes?: Uint8Array; error?: string }>((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => resolve({ error: message });
    worker.postMessage(file);
  });
  worker.terminate();
  const { bytes, error } = answer;
  if (bytes) await attempt(() => loadModel(bytes, file.name));
  else say(error ?? 'the file could not be converted', true);
}

async function startCamera(): Promise<void> {
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  } catch {
    say('The camera is not available: allow it for this page, or connect one', true);
    return;
  }
  const video = document.createElement('video');
  video.srcObject = stream;
  video.muted = true;
  await video.play();
  page.camera.setAttribute('aria-pressed', 'true');
  let running = true;
  stopCamera = () => {
    running = false;
    for (const track of stream.getTracks()) track.stop();
    page.camera.setAttribute('aria-pressed', 'false');
    stopCamera = null;
  };
  while (running) {
    picture?.close();
    picture = await createImageBitmap(video);
    await attempt(classify);
    await new Promise(requestAnimationFrame);
  }
}

async function measure(): Promise<void> {
  if (!net || !picture) {
    say('Choose a picture first');
    return;
  }
  say('Measuring …');
  const profile = await net.profile(picture);
  const isTimed = profile.steps.some(({ microseconds }) => microseconds !== null);
  page.timeNote.textContent = `One whole call: ${profile.milliseconds.toFixed(1)} ms.${isTimed ? '' : ' This browser gives no GPU timestamps.'}`;
  if (isTimed) page.time.replaceChildren(timeChart(profile));
  say('Measured.');
}

async function listSamples(): Promise<void> {
  const names: unknown = await (await fetch('/samples/index.json')).json();
  if (!Array.isArray(names)) return;
  for (const name of names.map(String)) {
    const [item, button, image] = [document.createElement('li'), document.createElement('button'), new Image()];
    image.src = `/samples/${name}`;
    image.alt = name.replace(/\.\w+$/, '');
    button.type = 'button';
    button.append(image);
    button.addEventListener('click', async () => {
      stopCamera?.();
      await usePicture(await (await fetch(image.src)).blob(), name);
    });
    item.append(button);
    page.samples.append(item);
  }
}

function listen(): void {
  page.choose.addEventListener('click', () => page.file.click());
  page.file.addEventListener('change', () => {
    const [file] = page.file.files ?? [];
    if (file) useFile(file);
    page.file.value = '';
  });
  page.camera.addEventListener('click', () => (stopCamera ? stopCamera() : startCamera()));
  page.heat.addEventListener('change', () => attempt(classify));
  page.measure.addEventListener('click', () => attempt(measure));
  document.addEventListener('paste', ({ clipboardData }) => {
    const [file] = clipboardData?.files ?? [];
    if (file) useFile(file);
  });
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    page.drop.classList.add('over');
  });
  document.addEventListener('dragleave', () => page.drop.classList.remove('over'));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    page.drop.classList.remove('over');
    const [file] = event.dataTransfer?.files ?? [];
    if (file) useFile(file);
  });
}

listen();
await Promise.all([listSamples(), attempt(() => loadModel(DEFAULT_MODEL, 'the default model'))]);
