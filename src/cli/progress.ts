/** How far the work on many images is. */
import { note, showStatus } from './terminal.js';

const REDRAW_MS = 100;

/** `40 of 500 pictures, 20.0 a second, 23 s left`. @param failed how many of those done */
export function describeProgress(done: number, total: number, failed: number, seconds: number): string {
  const rate = done / Math.max(seconds, 1e-3);
  const left = Math.ceil((total - done) / Math.max(rate, 1e-9));
  const rest = left < 90 ? `${left} s` : left < 5400 ? `${Math.round(left / 60)} min` : `${(left / 3600).toFixed(1)} h`;
  const failures = failed > 0 ? ` (${failed} failed)` : '';
  const ending = done > 0 && done < total ? `, ${rest} left` : '';
  return `${done.toLocaleString('en')} of ${total.toLocaleString('en')} pictures${failures}, ${rate.toFixed(1)} a second${ending}`;
}

/** Shows how far the work is, on a terminal; and at its end how long it took. */
export function progressCounter(total: number) {
  const start = performance.now();
  let done = 0;
  let failed = 0;
  let shownAt = 0;
  const describe = () => describeProgress(done, total, failed, (performance.now() - start) / 1000);
  return {
    get failed() {
      return failed;
    },
    /** @param more what else to show */
    add(isFailed: boolean, more = '') {
      done++;
      if (isFailed) failed++;
      if (performance.now() - shownAt < REDRAW_MS) return;
      showStatus(`${describe()}${more}`);
      shownAt = performance.now();
    },
    end: () => note(describe()),
  };
}
