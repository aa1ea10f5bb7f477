/** Comma-separated values (RFC 4180): writes and reads them. */

/** One line, ended. Text that a spreadsheet would take for a formula gets an apostrophe. */
export const csvLine = (cells: readonly (string | number)[]): string => `${cells.map(cellOf).join(',')}\r\n`;

function cellOf(value: string | number): string {
  const text = String(value);
  const plain = /^[=+@\t\r]|^-(?![\d.])/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** The cells of each line that is not empty. Quotes as in RFC 4180; a byte order mark is left out. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  // A cell, quoted or not, and what ends it.
  for (const [whole, quoted, plain = '', end] of text.replace(/^\ufeff/, '').matchAll(CELL)) {
    if (whole === '') break;
    row.push(quoted?.replaceAll('""', '"') ?? plain.trim());
    if (end === ',') continue;
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  }
  return rows;
}

const CELL = /(?:"((?:[^"]|"")*)"[ \t]*|([^,\r\n]*))(,|\r\n|\n|\r|$)/g;
