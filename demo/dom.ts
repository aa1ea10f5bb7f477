/** Creates elements. */

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
