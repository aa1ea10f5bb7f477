/** Draws the GPU time of every step: one column each, in the order of execution. */
import type { NetworkProfile } from 'densenet-webgpu';
import { drawing, rectangle, svg } from './svg.js';

const HEIGHT = 206;
const TOP = 22;
const FLOOR = HEIGHT - 20;
/** Width of a character of a label, in CSS pixels. */
const CHARACTER = 6.7;

/** The kernel whose columns have the second colour. */
const MARKED = 'conv3x3';

/** @param width in CSS pixels */
export function timesChart({ steps }: NetworkProfile, width: number): SVGElement {
  const times = steps.map(({ microseconds }) => microseconds ?? 0);
  const most = Math.max(1, ...times);
  const column = width / steps.length;
  const element = drawing(
    width,
    HEIGHT,
    `GPU time of ${steps.length} steps, at most ${most.toFixed(0)} microseconds; the table below lists them`,
  );
  element.append(
    svg('line', { x1: 0, x2: width, y1: TOP, y2: TOP, class: 'axis' }),
    svg('line', { x1: 0, x2: width, y1: FLOOR, y2: FLOOR, class: 'axis' }),
    svg('text', { x: 0, y: TOP - 7 }, `${most.toFixed(0)} µs`),
    rectangle({ x: width - 150, y: 6, width: 10, height: 10 }, 'bank1'),
    svg('text', { x: width - 135, y: TOP - 7 }, '3×3'),
    rectangle({ x: width - 90, y: 6, width: 10, height: 10 }, 'bank0'),
    svg('text', { x: width - 75, y: TOP - 7 }, 'the rest'),
  );
  for (const [s, { name, kernel }] of steps.entries()) {
    const time = times[s] ?? 0;
    const height = ((FLOOR - TOP) * time) / most;
    const box = { x: s * column, y: FLOOR - height, width: column - Math.min(1, column / 5), height };
    element.append(rectangle(box, kernel === MARKED ? 'bank1' : 'bank0', `${name} (${kernel}): ${time.toFixed(0)} µs`));
  }
  for (const { name, first, last } of partsOf(steps)) {
    const [x, end] = [first * column, (last + 1) * column];
    if (first > 0) element.append(svg('line', { x1: x, x2: x, y1: TOP, y2: FLOOR + 4, class: 'axis' }));
    if (end - x > CHARACTER * name.length + 4) element.append(svg('text', { x: x + 2, y: HEIGHT - 5 }, name));
  }
  return element;
}

interface Part {
  readonly name: string;
  readonly first: number;
  last: number;
}

/** The blocks and what lies between them, as ranges of steps: `block1.layer2.conv` belongs to `block1`. */
function partsOf(steps: NetworkProfile['steps']): readonly Part[] {
  const parts: Part[] = [];
  for (const [s, step] of steps.entries()) {
    const name = step.name.split('.')[0] ?? '';
    const part = parts.at(-1);
    if (part?.name === name) part.last = s;
    else parts.push({ name, first: s, last: s });
  }
  return parts;
}
