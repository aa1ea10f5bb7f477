/** What commands print: lines, tables, JSON, and the progress of a download. */

/** The result of a command, on stdout. */
export const print = (line: string): void => {
  showStatus(null);
  process.stdout.write(`${replaceControls(line)}\n`);
};
/** Progress, warnings and errors, on stderr. */
export const note = (line: string): void => {
  showStatus(null);
  process.stderr.write(`${replaceControls(line)}\n`);
};

let statusLength = 0;
/** Shows a line on the terminal until something else is printed; null erases it. Does nothing where stderr is a log. */
export function showStatus(line: string | null): void {
  if (!process.stderr.isTTY || (line === null && statusLength === 0)) return;
  const text = replaceControls(line ?? '').slice(0, (process.stderr.columns || 80) - 1);
  process.stderr.write(`\r${text.padEnd(statusLength)}\r${text}`);
  statusLength = text.length;
}

/** The one JSON document that `--json` promises. */
export function printJson(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

/** Names and labels come from files that others made; a control character in one would be a command to the terminal. */
function replaceControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\ufffd');
}

/** Rows as lines: columns padded to their widest cell, numbers right-aligned. */
export function table(rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)));
  const widths = cells.reduce<number[]>((w, row) => row.map((cell, c) => Math.max(w[c] ?? 0, cell.length)), []);
  return cells.map((row, r) =>
    row
      .map((cell, c) =>
        typeof rows[r]?.[c] === 'number' ? cell.padStart(widths[c] ?? 0) : cell.padEnd(widths[c] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}

export const kilobytes = (bytes: number): string =>
  `${(bytes / 1024).toLocaleString('en', { maximumFractionDigits: 1 })} KiB`;

const BAR_WIDTH = 30;
const REDRAW_MS = 100;
const MEBIBYTE = 2 ** 20;
/** Bytes between two lines where the total is unknown. */
const LINE_BYTES = 8 * MEBIBYTE;

/**
 * Shows a download's progress on stderr. On a terminal one line is redrawn; in a log, or where the total is unknown, a
 * line is added at every quarter, or every {@link LINE_BYTES}.
 *
 * @returns a function to call with the bytes received and the total, 0 while unknown
 */
export function progressBar(what: string, out: Pick<NodeJS.WriteStream, 'isTTY' | 'write'> = process.stderr) {
  let drawnAt = 0;
  let lines = 0;
  return (received: number, total: number): void => {
    const text = progressLine(what, received, total);
    if (out.isTTY && total > 0) {
      const isDone = received === total;
      if (!isDone && performance.now() - drawnAt < REDRAW_MS) return;
      drawnAt = performance.now();
      out.write(`\r${text}${isDone ? '\n' : ''}`);
      return;
    }
    const due = Math.floor(total > 0 ? (4 * received) / total : received / LINE_BYTES);
    if (due > lines) out.write(`${text}\n`);
    lines = due;
  };
}

function progressLine(what: string, received: number, total: number): string {
  const amount = (bytes: number) => (bytes / MEBIBYTE).toFixed(1);
  if (total === 0) return `${what}  ${amount(received)} MiB`;
  const share = received / total;
  const bar = '█'.repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '·');
  return `${what}  ${bar} ${(100 * share).toFixed(0).padStart(3)} %  ${amount(received)} of ${amount(total)} MiB`;
}
