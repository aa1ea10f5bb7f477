/** The network's arena and the time of its steps, as SVG. */
import type { NetworkPlan, NetworkProfile } from 'densenet-webgpu';

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 960;

function element(name: string, attributes: Readonly<Record<string, string | number>>, text = ''): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.textContent = text;
  return made;
}

function drawing(height: number, label: string): SVGElement {
  return element('svg', { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-label': label });
}

function box(x: number, y: number, width: number, height: number, style: string, title: string): SVGElement {
  const rect = element('rect', {
    x,
    y,
    width: Math.max(1, width),
    height: Math.max(1, height),
    rx: 2,
    class: style,
    'fill-opacity': 0.8,
  });
  rect.append(element('title', {}, title));
  return rect;
}

/** Steps run to the right, bytes up; the two banks one above the other. */
export function arenaChart(plan: NetworkPlan): SVGElement {
  const { regions, bankBytes, bytes } = plan.arena;
  const height = 260;
  const gap = 24;
  const scale = (height - 2 * gap) / bytes;
  const step = WIDTH / plan.steps.length;
  const label = `Arena of ${Math.round(bytes / 1024)} KiB over ${plan.steps.length} steps`;
  const svg = drawing(height, label);
  const tops = [gap, 2 * gap + bankBytes[0] * scale] as const;
  for (const bank of [0, 1] as const) {
    svg.append(
      element('text', { x: 0, y: tops[bank] - 8 }, `bank ${bank} · ${Math.round(bankBytes[bank] / 1024)} KiB`),
    );
  }
  for (const { name, bank, offset, bytes: size, first, last } of regions) {
    const title = `${name}: ${Math.round(size / 1024)} KiB, ${plan.steps[first]?.name} to ${plan.steps[last]?.name}`;
    const [x, width] = [first * step, (last - first + 1) * step - 1];
    const y = tops[bank] + offset * scale;
    svg.append(box(x, y, width, size * scale - 1, `bank${bank}`, title));
    if (width > 7 * name.length && size * scale > 13) svg.append(element('text', { x: x + 4, y: y + 12 }, name));
  }
  return svg;
}

/** One column per step, as high as its time. */
export function timeChart(profile: NetworkProfile): SVGElement {
  const height = 180;
  const times = profile.steps.map(({ microseconds }) => microseconds ?? 0);
  const most = Math.max(1, ...times);
  const step = WIDTH / times.length;
  const svg = drawing(height, `GPU time of ${times.length} steps, at most ${most.toFixed(0)} microseconds`);
  for (const [s, { name, kernel }] of profile.steps.entries()) {
    const time = times[s] ?? 0;
    const column = ((height - 20) * time) / most;
    svg.append(
      box(
        s * step,
        height - column,
        step - 1,
        column,
        kernel === 'conv3x3' ? 'bank1' : 'bank0',
        `${name} (${kernel}): ${time.toFixed(0)} µs`,
      ),
    );
  }
  svg.append(element('text', { x: 0, y: 12 }, `${most.toFixed(0)} µs; 3×3 convolutions in the second colour`));
  return svg;
}
