/** A download's progress on stderr: one line that is drawn over on a terminal, a line for every quarter elsewhere. */

const WIDTH = 30;
const REDRAW_MS = 100;
const MEBIBYTE = 2 ** 20;

/** @returns to be called with the bytes so far and the total, 0 while unknown */
export function progressBar(what: string, out: NodeJS.WriteStream = process.stderr) {
  let drawn = { at: 0, quarter: 0 };
  return (loaded: number, total: number): void => {
    const isDone = loaded === total;
    const quarter = total > 0 ? Math.floor((4 * loaded) / total) : 0;
    const isDue = out.isTTY ? isDone || performance.now() - drawn.at >= REDRAW_MS : quarter > drawn.quarter;
    if (!isDue) return;
    drawn = { at: performance.now(), quarter };
    out.write(out.isTTY ? `\r${line(what, loaded, total)}${isDone ? '\n' : ''}` : `${line(what, loaded, total)}\n`);
  };
}

function line(what: string, loaded: number, total: number): string {
  const amount = (bytes: number) => (bytes / MEBIBYTE).toFixed(1);
  if (total === 0) return `${what}  ${amount(loaded)} MiB`;
  const share = loaded / total;
  const bar = '█'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '·');
  return `${what}  ${bar} ${(100 * share).toFixed(0).padStart(3)} %  ${amount(loaded)} of ${amount(total)} MiB`;
}
