/** Creates SVG elements. */

const SVG = 'http://www.w3.org/2000/svg';

export type Attributes = Readonly<Record<string, string | number>>;

export function svg(name: string, attributes: Attributes, ...children: (Node | string)[]): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** An SVG drawing. Assistive technology sees an image described by `label`. */
export function drawing(width: number, height: number, label: string): SVGElement {
  return svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label });
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A rectangle of at least half a unit in each direction, so that it stays visible. */
export function rectangle({ x, y, width, height }: Box, style: string, title = ''): SVGElement {
  const box = { x, y, width: Math.max(0.5, width), height: Math.max(0.5, height), class: style };
  return svg('rect', box, ...(title ? [svg('title', {}, title)] : []));
}
