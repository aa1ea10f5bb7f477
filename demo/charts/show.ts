/** The two charts on the page, with the slider that walks through the steps. */
import type { NetworkPlan, NetworkProfile } from 'densenet-webgpu';
import { amount, bytes, milliseconds } from '../format.js';
import { page } from '../page.js';
import { type ArenaChart, arenaChart } from './arena.js';
import { table } from './table.js';
import { timesChart } from './times.js';
import { describeStep } from './step-accesses.js';

interface Shown {
  readonly plan: NetworkPlan;
  arena: ArenaChart | null;
  profile: NetworkProfile | null;
}

/** What stands beside the button as long as nothing has been measured. */
const UNMEASURED = page.measureNote.textContent ?? '';

let shown: Shown | null = null;

/** Called again for each model; the slider then belongs to the new plan. */
export function showArena(plan: NetworkPlan): void {
  shown = { plan, arena: null, profile: null };
  page.arenaPanel.hidden = false;
  page.timesPanel.hidden = false;
  page.timesDetails.hidden = true;
  page.measureNote.textContent = UNMEASURED;
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
  page.step.value = String(firstConvolution(plan));
  drawCharts();
}

/** Where there is something to see: the middle of the first block. */
function firstConvolution({ steps }: NetworkPlan): number {
  const layers = [...steps.keys()].filter((s) => steps[s]?.name.startsWith('block1.'));
  return layers[layers.length >> 1] ?? 0;
}

/** Both at the width that they have on the page now. */
function drawCharts(): void {
  if (!shown) return;
  const width = Math.max(200, page.arena.clientWidth);
  shown.arena = arenaChart(shown.plan, width);
  page.arena.replaceChildren(shown.arena.element);
  page.times.replaceChildren(...(shown.profile ? [timesChart(shown.profile, width)] : []));
  point(Number(page.step.value));
}

function point(step: number): void {
  if (!shown) return;
  const text = describeStep(shown.plan, step);
  page.step.value = String(step);
  page.step.setAttribute('aria-valuetext', text);
  page.stepText.value = text;
  shown.arena?.point(step);
}

/** The slider, the pointer over the chart, and the window's size. */
export function listenToCharts(): void {
  page.step.addEventListener('input', () => point(Number(page.step.value)));
  page.arena.addEventListener('pointermove', ({ clientX, pointerType }) => {
    if (pointerType === 'touch' || !shown?.arena) return;
    const { left, width } = page.arena.getBoundingClientRect();
    point(shown.arena.stepAt((clientX - left) / width));
  });
  let width = 0;
  new ResizeObserver(() => {
    if (page.arena.clientWidth === width) return;
    width = page.arena.clientWidth;
    drawCharts();
  }).observe(page.arena);
  // A region that scrolls must be within reach of the keyboard.
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
  if (shown) shown.profile = profile;
  drawCharts();
}
