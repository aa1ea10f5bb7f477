/** The progress bar of a download: one line on a terminal, a few lines in a log. */
import { describe, expect, it } from 'vitest';
import { progressBar } from '../../src/cli/terminal.js';

const MEBIBYTE = 2 ** 20;

/** The output of a bar for a download in ten steps. */
function drawn(isTTY: boolean, bytes: number, isKnown = true): string {
  let text = '';
  const write = (chunk: string | Uint8Array) => {
    text += chunk;
    return true;
  };
  const show = progressBar('weights', { isTTY, write });
  for (let tenth = 1; tenth <= 10; tenth++) show((tenth / 10) * bytes, isKnown ? bytes : 0);
  return text;
}

describe('a progress bar', () => {
  it('prints a line for every quarter to a log', () => {
    const lines = drawn(false, 4 * MEBIBYTE)
      .trimEnd()
      .split('\n');
    expect(lines.map((line) => /(\d+) %/.exec(line)?.[1])).toEqual(['30', '50', '80', '100']);
    expect(lines.at(-1)).toBe(`weights  ${'█'.repeat(30)} 100 %  4.0 of 4.0 MiB`);
  });

  it('redraws one line on a terminal, and ends it at 100 %', () => {
    const text = drawn(true, 4 * MEBIBYTE);
    expect(text.split('\n')).toEqual([expect.stringMatching(/^\r.*\r?.*100 % {2}4\.0 of 4\.0 MiB$/), '']);
  });

  it('prints a line for every 8 MiB when the length is unknown', () => {
    expect(drawn(true, 20 * MEBIBYTE, false)).toBe('weights  8.0 MiB\nweights  16.0 MiB\n');
  });
});
