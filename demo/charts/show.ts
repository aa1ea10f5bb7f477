/** Shows the two charts and the slider that selects a step. */
import type { NetworkPlan, NetworkProfile } from 'densenet-webgpu';
import { table } from '../dom.js';
import { amount, bytes, milliseconds } from '../format.js';
import { page } from '../page.js';
import { type ArenaChart, arenaChart } from './arena.js';
import { describeStep } from './step-accesses.js';
import { timesChart } from './times.js';

interface Charts {
  readonly plan: NetworkPlan;
  arena: ArenaChart | null;
  profile: NetworkProfile | null;
}

/** The text beside the button before anything is measured. */
const UNMEASURED_NOTE = page.measureNote.textContent ?? '';

let charts: Charts | null = null;

/** Shows the plan of a model in place of the plan before. */
export function showArena(plan: NetworkPlan): void {
  charts = { plan, arena: null, profile: null };
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

/** Draws both charts at their present width on the page. */
function drawCharts(): void {
  if (!charts) return;
  const width = Math.max(200, page.arena.clientWidth);
  charts.arena = arenaChart(charts.plan, width);
  page.arena.replaceChildren(charts.arena.element);
  page.times.replaceChildren(...(charts.profile ? [timesChart(charts.profile, width)] : []));
  point(Number(page.step.value));
}

function point(step: number): void {
  if (!charts) return;
  const text = describeStep(charts.plan, step);
  page.step.value = String(step);
  page.step.setAttribute('aria-valuetext', text);
  page.stepText.value = text;
  charts.arena?.point(step);
}

/** Listens to the slider, to the pointer over the arena, and to changes of the width. */
export function listenToCharts(): void {
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
