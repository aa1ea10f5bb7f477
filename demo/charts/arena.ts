/** Draws the arena over time: steps to the right, bytes downwards, one bank below the other. */
import type { NetworkPlan } from 'densenet-webgpu';
import { bytes } from '../format.js';
import { accessesOf, type Bank } from './step-accesses.js';
import { type Box, drawing, rectangle, svg } from './svg.js';

const BANKS_HEIGHT = 250;
const LABEL = 22;
/** Size of a monospaced character of a label, in CSS pixels. */
const [CHARACTER, LINE] = [6.7, 14];

export interface ArenaChart {
  readonly element: SVGElement;
  /** Moves the cursor to a step. */
  point(step: number): void;
  /** The step at a fraction of the width. */
  stepAt(fraction: number): number;
}

/** @param width in CSS pixels, so that text keeps its size on a phone */
export function arenaChart(plan: NetworkPlan, width: number): ArenaChart {
  const { regions, bankBytes, bytes: total } = plan.arena;
  const count = plan.steps.length;
  const column = width / count;
  const scale = BANKS_HEIGHT / total;
  const banks = [0, 1] as const;
  const tops: Record<Bank, number> = { 0: LABEL, 1: 2 * LABEL + bankBytes[0] * scale };
  const height = banks.length * LABEL + BANKS_HEIGHT;
  const element = drawing(
    width,
    height,
    `Arena of ${bytes(total)} in ${banks.length} banks over ${count} steps; the table below lists its regions`,
  );
  for (const bank of banks) {
    const floor: Box = { x: 0, y: tops[bank], width, height: bankBytes[bank] * scale };
    element.append(
      svg('text', { x: 0, y: tops[bank] - 7 }, `bank ${bank}  ${bytes(bankBytes[bank])}`),
      rectangle(floor, 'floor'),
    );
  }
  const boxOf = (first: number, last: number, bank: Bank, offset: number, size: number): Box => ({
    x: first * column,
    y: tops[bank] + offset * scale,
    width: (last - first + 1) * column,
    height: size * scale,
  });
  for (const { name, bank, offset, bytes: size, first, last } of regions) {
    const title = `${name}: ${bytes(size)}, ${plan.steps[first]?.name} to ${plan.steps[last]?.name}`;
    element.append(rectangle(boxOf(first, last, bank, offset, size), `bank${bank} idle`, title));
  }
  for (const s of plan.steps.keys()) {
    for (const { bank, offset, bytes: size } of accessesOf(plan, s)) {
      const box = boxOf(s, s, bank, offset, size);
      element.append(rectangle({ ...box, width: box.width - Math.min(1, column / 5) }, `bank${bank}`));
    }
  }
  for (const { name, bank, offset, bytes: size, first, last } of regions) {
    const { x, y, width: wide, height: tall } = boxOf(first, last, bank, offset, size);
    const fits = wide > CHARACTER * name.length + 8 && tall > LINE;
    if (fits) element.append(svg('text', { x: x + 4, y: y + LINE - 3, class: 'name' }, name));
  }
  const cursor = rectangle({ x: 0, y: LABEL - 4, width: column, height: height - LABEL + 2 }, 'cursor');
  element.append(cursor);
  return {
    element,
    point: (step) => cursor.setAttribute('x', String(step * column)),
    stepAt: (fraction) => Math.min(count - 1, Math.max(0, Math.floor(fraction * count))),
  };
}
