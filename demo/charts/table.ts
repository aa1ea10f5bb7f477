/** A chart's figures as a table, for those who would rather read them. */
import { make } from '../page.js';

export function table(head: readonly string[], rows: readonly (readonly string[])[]): HTMLTableElement {
  return make(
    'table',
    {},
    make('thead', {}, make('tr', {}, ...head.map((text) => make('th', { scope: 'col' }, text)))),
    make('tbody', {}, ...rows.map((cells) => make('tr', {}, ...cells.map((text) => make('td', {}, text))))),
  );
}
