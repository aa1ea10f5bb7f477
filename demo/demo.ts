/** The demo page: takes images and models, shows predictions, class activation maps, memory and times. */
import { listenToCamera, stopCamera } from './camera.js';
import type { LayerId } from './charts/density.js';
import { drawLayerMaps, layerMaps } from './charts/layer-maps.js';
import { describeLayer, listenToCharts, showTimes } from './charts/show.js';
import { listenToCopy } from './copy-picture.js';
import { onModel, redraw, refresh, useImage, withCurrent } from './current.js';
import { listenToEvidence } from './evidence.js';
import { type Incoming, listenForFiles } from './file-input.js';
import { listenToModelCard, openModel, takeLabels } from './model-card.js';
import { page } from './page.js';
import { useImageAt, useParameters } from './parameters.js';
import { fetchSample, markSample, type Sample, showSamples } from './samples.js';
import { attempt, listenToRetry, setError } from './status.js';
import { hideStrip, listenToStrip, showStrip } from './strip.js';
import { listenToTeaching } from './teach-panel.js';

function useFiles({ images, labels, model, all }: Incoming): void {
  stopCamera();
  const labelsRead = labels ? takeLabels(labels, model !== null) : Promise.resolve();
  if (model) void labelsRead.then(() => openModel(async () => model, model.name, all));
  const [first, second] = images;
  if (!first) return;
  markSample(null);
  if (second) {
    showStrip(images);
    return;
  }
  hideStrip();
  void useImage({ blob: async () => first, name: first.name, caption: `${first.name}.` });
}

function useAddress(url: string): void {
  stopCamera();
  hideStrip();
  markSample(null);
  void useImageAt(url);
}

function useSample(sample: Sample): void {
  stopCamera();
  hideStrip();
  markSample(sample);
  void useImage({ blob: () => fetchSample(sample), name: sample.file, caption: sample.credit });
}

/** Shows the maps that a layer adds for the current image. */
async function showLayer(layer: LayerId): Promise<void> {
  const work = () =>
    withCurrent(async (net, bitmap) => {
      const block = (await net.intermediates(bitmap)).get(`block${layer.block}`);
      if (!block) return;
      page.layerNote.textContent = describeLayer(net, layer);
      page.layerMaps.replaceChildren(...drawLayerMaps(layerMaps(net.config, layer, block)));
    });
  await attempt('image', work, () => void showLayer(layer));
}

async function measure(): Promise<void> {
  page.measure.disabled = true;
  page.measureNote.textContent = 'Measuring …';
  const work = async () => {
    const isMeasured = await withCurrent(async (net, bitmap) => showTimes(await net.profile(bitmap)));
    if (!isMeasured) setError('image', 'choose a picture first');
  };
  await attempt('image', work, () => void measure());
  page.measure.disabled = false;
}

/** Keeps the page's files for use without a network, once the first model is there. */
async function keepOffline(): Promise<void> {
  await new Promise((resolve) => onModel(resolve));
  if (!('serviceWorker' in navigator)) return;
  await navigator.serviceWorker.register('/service-worker.js').catch(() => undefined);
  await navigator.serviceWorker.ready;
  page.offline.hidden = false;
}

async function begin(): Promise<void> {
  const hasImage = useParameters(location.search);
  const [first] = await showSamples(useSample);
  if (first && !hasImage) useSample(first);
}

listenForFiles({ onFiles: useFiles, onAddress: useAddress });
listenToCamera(() => {
  hideStrip();
  markSample(null);
});
listenToCharts(showLayer);
listenToCopy();
listenToEvidence(redraw);
listenToModelCard();
listenToRetry();
listenToStrip();
listenToTeaching();
page.heat.addEventListener('change', refresh);
page.measure.addEventListener('click', measure);
await begin();
void keepOffline();
