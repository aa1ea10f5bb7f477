/** The commands in the docs are commands of this package: every option, preset and catalogue id exists. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { bench } from '../../src/bench/bench.js';
import { classify } from '../../src/cli/classify.js';
import type { Command } from '../../src/cli/command.js';
import { evaluate } from '../../src/cli/evaluate.js';
import { importCommand } from '../../src/cli/import.js';
import { inspect } from '../../src/cli/inspect.js';
import { serve } from '../../src/cli/serve.js';
import { teach } from '../../src/cli/teach.js';
import { verify } from '../../src/cli/verify.js';
import { PRESETS } from '../../src/preprocess/presets.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COMMANDS: Readonly<Record<string, Command>> = {
  classify,
  evaluate,
  import: importCommand,
  inspect,
  verify,
  bench,
  serve,
  teach,
};
const FILES = ['README.md', ...readdirSync(`${ROOT}docs`).map((file) => `docs/${file}`)];

/** `npx densenet-webgpu COMMAND …` of a page's shell lines; one line may hold several. */
function commandsIn(file: string): string[][] {
  const blocks = [...readFileSync(`${ROOT}${file}`, 'utf8').matchAll(/```sh\n(.*?)```/gs)].map(
    ([, block]) => block ?? '',
  );
  const lines = blocks.flatMap((block) => block.replaceAll('\\\n', ' ').split(/\n|&&/));
  return lines.flatMap((line) => {
    const words = line.replace(/#.*$/, '').trim().split(/\s+/);
    return words[0] === 'npx' && words[1] === 'densenet-webgpu' ? [words.slice(2)] : [];
  });
}

describe.each(FILES.filter((file) => commandsIn(file).length > 0))('%s', (file) => {
  it.each(commandsIn(file).map((words) => [words.join(' '), words] as const))('%s', (_, [name = '', ...args]) => {
    const command = COMMANDS[name];
    expect(command, name).toBeDefined();
    for (const [i, word] of args.entries()) {
      if (word.startsWith('--')) expect(command?.usage).toMatch(new RegExp(`${word}(?![\\w-])`));
      // A preset, or a quoted JSON document.
      if (word === '--preprocess' && !args[i + 1]?.startsWith("'")) expect(Object.keys(PRESETS)).toContain(args[i + 1]);
    }
  });
});
