/**
 * A download's progress on stderr: one line that is drawn over on a terminal; in a log, and where the length is unknown,
 * a line now and then.
 */

const WIDTH = 30;
const REDRAW_MS = 100;
const MEBIBYTE = 2 ** 20;
/** Bytes between two lines where the length is unknown. */
const STRIDE = 8 * MEBIBYTE;

/** @returns to be called with the bytes so far and the total, 0 while unknown */
export function progressBar(what: string, out: Pick<NodeJS.WriteStream, 'isTTY' | 'write'> = process.stderr) {
  let drawnAt = 0;
  let lines = 0;
  return (loaded: number, total: number): void => {
    const text = line(what, loaded, total);
    if (out.isTTY && total > 0) {
      const isDone = loaded === total;
      if (!isDone && performance.now() - drawnAt < REDRAW_MS) return;
      drawnAt = performance.now();
      out.write(`\r${text}${isDone ? '\n' : ''}`);
      return;
    }
    const due = Math.floor(total > 0 ? (4 * loaded) / total : loaded / STRIDE);
    if (due > lines) out.write(`${text}\n`);
    lines = due;
  };
}

function line(what: string, loaded: number, total: number): string {
  const amount = (bytes: number) => (bytes / MEBIBYTE).toFixed(1);
  if (total === 0) return `${what}  ${amount(loaded)} MiB`;
  const share = loaded / total;
  const bar = '█'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '·');
  return `${what}  ${bar} ${(100 * share).toFixed(0).padStart(3)} %  ${amount(loaded)} of ${amount(total)} MiB`;
}
