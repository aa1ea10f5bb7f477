/** The page's elements, found once and typed, and functions that create elements. Knows no network. */

function find<T extends Element>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${type.name} #${id}`);
}

export const page = {
  status: find('status', HTMLElement),
  retry: find('retry', HTMLButtonElement),
  progress: find('progress', HTMLProgressElement),
  advice: find('advice', HTMLElement),
  adviceList: find('advice-list', HTMLElement),
  view: find('view', HTMLCanvasElement),
  headline: find('headline', HTMLElement),
  caption: find('caption', HTMLElement),
  choose: find('choose', HTMLButtonElement),
  file: find('file', HTMLInputElement),
  camera: find('camera', HTMLButtonElement),
  heat: find('heat', HTMLInputElement),
  evidence: find('evidence', HTMLElement),
  rawMap: find('raw-map', HTMLCanvasElement),
  rawMapSize: find('raw-map-size', HTMLElement),
  legend: find('legend', HTMLCanvasElement),
  legendLow: find('legend-low', HTMLElement),
  legendZero: find('legend-zero', HTMLElement),
  legendHigh: find('legend-high', HTMLElement),
  heatScale: find('heat-scale', HTMLSelectElement),
  opacity: find('opacity', HTMLInputElement),
  samples: find('samples', HTMLUListElement),
  answerPanel: find('answer-panel', HTMLElement),
  classesPanel: find('classes-panel', HTMLDetailsElement),
  classesTitle: find('classes-title', HTMLElement),
  classes: find('classes', HTMLUListElement),
  stripPanel: find('strip-panel', HTMLElement),
  strip: find('strip', HTMLUListElement),
  stripNote: find('strip-note', HTMLElement),
  csv: find('csv', HTMLButtonElement),
  closeStrip: find('close-strip', HTMLButtonElement),
  answerNote: find('answer-note', HTMLElement),
  answer: find('answer', HTMLOListElement),
  time: find('time', HTMLElement),
  milliseconds: find('milliseconds', HTMLElement),
  announce: find('announce', HTMLElement),
  facts: find('facts', HTMLElement),
  arenaPanel: find('arena-panel', HTMLElement),
  arena: find('arena', HTMLElement),
  step: find('step', HTMLInputElement),
  stepText: find('step-text', HTMLOutputElement),
  regions: find('regions', HTMLElement),
  timesPanel: find('times-panel', HTMLElement),
  measure: find('measure', HTMLButtonElement),
  measureNote: find('measure-note', HTMLElement),
  times: find('times', HTMLElement),
  timesDetails: find('times-details', HTMLElement),
  timesTable: find('times-table', HTMLElement),
  drop: find('drop', HTMLElement),
} as const;

/** Creates an element with its properties and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

/** Fills a `<dl>`: term → description. */
export function showTerms(list: HTMLElement, terms: Readonly<Record<string, string>>): void {
  const rows = Object.entries(terms).flatMap(([term, text]) => [make('dt', {}, term), make('dd', {}, text)]);
  list.replaceChildren(...rows);
}

/** Creates a table from its header and its rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): HTMLTableElement {
  return make(
    'table',
    {},
    make('thead', {}, make('tr', {}, ...head.map((text) => make('th', { scope: 'col' }, text)))),
    make('tbody', {}, ...rows.map((cells) => make('tr', {}, ...cells.map((text) => make('td', {}, text))))),
  );
}
