/** Shows the charts of the network, the arena and the times, and the slider that selects a step in all of them. */
import type { DenseNet, NetworkPlan, NetworkProfile } from 'densenet-webgpu';
import { table } from '../dom.js';
import { amount, bytes, milliseconds } from '../format.js';
import { page } from '../page.js';
import { type ArenaChart, arenaChart } from './arena.js';
import { channelsRead, type DensityChart, densityChart, type LayerId, layerOf } from './density.js';
import { describeStep } from './step-accesses.js';
import { timesChart } from './times.js';

interface Charts {
  readonly net: DenseNet;
  arena: ArenaChart | null;
  density: DensityChart | null;
  profile: NetworkProfile | null;
}

/** What stands where the maps of a layer will be. */
const LAYER_NOTE = page.layerNote.textContent ?? '';
/** The text beside the button before anything is measured. */
const UNMEASURED_NOTE = page.measureNote.textContent ?? '';

let charts: Charts | null = null;

/** Shows the charts of a model in place of those before. */
export function showCharts(net: DenseNet): void {
  const { plan } = net;
  charts = { net, arena: null, density: null, profile: null };
  page.densityPanel.hidden = false;
  page.layerMaps.replaceChildren();
  page.layerNote.textContent = LAYER_NOTE;
  page.arenaPanel.hidden = false;
  page.timesPanel.hidden = false;
  page.timesDetails.hidden = true;
  page.measureNote.textContent = UNMEASURED_NOTE;
  page.step.max = String(plan.steps.length - 1);
  const rows = plan.arena.regions.map(({ name, bank, bytes: size, offset, first, last }) => [
    name,
    String(bank),
    String(offset),
    bytes(size),
    plan.steps[first]?.name ?? '',
    plan.steps[last]?.name ?? '',
  ]);
  page.regions.replaceChildren(table(['region', 'bank', 'offset', 'size', 'first step', 'last step'], rows));
  page.step.value = String(initialStep(plan));
  drawCharts();
}

/** A step where there is something to see: the middle of the first block. */
function initialStep({ steps }: NetworkPlan): number {
  const layers = [...steps.keys()].filter((s) => steps[s]?.name.startsWith('block1.'));
  return layers[layers.length >> 1] ?? 0;
}

/** Draws the charts at their present width on the page. */
function drawCharts(): void {
  if (!charts) return;
  const width = Math.max(200, page.arena.clientWidth);
  charts.arena = arenaChart(charts.net.plan, width);
  page.arena.replaceChildren(charts.arena.element);
  charts.density = densityChart(charts.net.config, Math.max(200, page.density.clientWidth), chooseLayer);
  page.density.replaceChildren(charts.density.element);
  page.times.replaceChildren(...(charts.profile ? [timesChart(charts.profile, width)] : []));
  point(Number(page.step.value));
}

function point(step: number): void {
  if (!charts) return;
  const { plan } = charts.net;
  const text = describeStep(plan, step);
  page.step.value = String(step);
  page.step.setAttribute('aria-valuetext', text);
  page.stepText.value = text;
  charts.arena?.point(step);
  page.showLayer.disabled = layerOf(plan.steps[step]?.name ?? '') === null;
  charts.density?.mark(layerOf(plan.steps[step]?.name ?? ''));
}

/** Called with the layer whose maps the user wants to see. */
let onLayer: (layer: LayerId) => void = () => {};

function chooseLayer(layer: LayerId): void {
  if (!charts) return;
  const name = `block${layer.block}.layer${layer.layer}.conv`;
  point(charts.net.plan.steps.findIndex((step) => step.name === name));
  onLayer(layer);
}

/** The layer of the step that the slider is at, if it is a layer's. */
const selectedLayer = (): LayerId | null => layerOf(charts?.net.plan.steps[Number(page.step.value)]?.name ?? '');

/** Describes a layer: what it reads and adds, and its time where it was measured. */
export function describeLayer({ config }: DenseNet, layer: LayerId): string {
  const prefix = `block${layer.block}.layer${layer.layer}.`;
  const times = charts?.profile?.steps.filter(({ name }) => name.startsWith(prefix)) ?? [];
  const microseconds = times.reduce((sum, step) => sum + (step.microseconds ?? 0), 0);
  const time = microseconds > 0 ? ` It takes ${milliseconds(microseconds / 1000)}.` : '';
  const { block, layer: number } = layer;
  return `Block ${block}, layer ${number} reads ${channelsRead(config, layer)} maps and adds these ${config.growthRate}.${time}`;
}

/** Listens to the slider, to the pointer over the arena, and to changes of the width. */
export function listenToCharts(showLayer: (layer: LayerId) => void): void {
  onLayer = showLayer;
  page.showLayer.addEventListener('click', () => {
    const layer = selectedLayer();
    if (layer) showLayer(layer);
  });
  page.step.addEventListener('input', () => point(Number(page.step.value)));
  page.arena.addEventListener('pointermove', ({ clientX, pointerType }) => {
    if (pointerType === 'touch' || !charts?.arena) return;
    const { left, width } = page.arena.getBoundingClientRect();
    point(charts.arena.stepAt((clientX - left) / width));
  });
  let width = 0;
  new ResizeObserver(() => {
    if (page.arena.clientWidth === width) return;
    width = page.arena.clientWidth;
    drawCharts();
  }).observe(page.arena);
  // The keyboard must reach everything that scrolls.
  for (const scroller of [page.regions, page.timesTable]) scroller.tabIndex = 0;
}

export function showTimes(profile: NetworkProfile): void {
  const times = profile.steps.flatMap(({ microseconds }) => microseconds ?? []);
  const whole = `One whole call, upload and readback included: ${milliseconds(profile.milliseconds)}.`;
  if (times.length === 0) {
    page.measureNote.textContent = `${whole} This browser gives no GPU timestamps (timestamp-query).`;
    return;
  }
  const sum = times.reduce((a, b) => a + b, 0) / 1000;
  const rounding = (profile.resolution ?? 0) >= 1 ? ` This browser rounds them to ${profile.resolution} µs.` : '';
  page.measureNote.textContent = `${whole} The steps by GPU timestamps: ${milliseconds(sum)}.${rounding}`;
  const rows = profile.steps.map(({ name, kernel, macs, microseconds }) => [
    name,
    kernel,
    amount(macs),
    microseconds === null ? '' : `${microseconds.toFixed(0)} µs`,
  ]);
  page.timesTable.replaceChildren(table(['step', 'kernel', 'multiply-adds', 'time'], rows));
  page.timesDetails.hidden = false;
  if (charts) charts.profile = profile;
  drawCharts();
}
