/** `tune`: measures which kernel variants are fastest on this adapter, and writes a file to ship with a page. */
import { writeFileSync } from 'node:fs';
import type { Tuning } from '../api.js';
import { type Command, oneOf, parse, positive, UsageError } from './command.js';
import { DEFAULT_MODEL } from './files.js';
import { readModelFile } from './model-source.js';
import { openRunner } from './open-runner.js';
import { BACKENDS } from './runner.js';
import { note, print, printJson } from './terminal.js';

const USAGE = `[MODEL] [-o TUNED.json] [--budget SECONDS] [--batch N] [--precision f32|f16] [--backend ${BACKENDS.join('|')}] [--json]

Measures the kernels of the model (by default the bundled one) on this adapter for at most --budget seconds (by default
60), then the whole network. A page uses the file with load(url, { tuned: await (await fetch('TUNED.json')).json() }),
which ignores choices that do not fit the visitor's adapter.`;

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  output: { type: 'string', short: 'o' },
  budget: TEXT,
  batch: TEXT,
  precision: TEXT,
  backend: TEXT,
} as const;

const DEFAULT_BUDGET_S = 60;

export const tune: Command = {
  usage: USAGE,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    const [path = DEFAULT_MODEL, ...rest] = positionals;
    if (rest.length > 0) throw new UsageError(`tune takes one model, but got ${positionals.join(', ')}`);
    const backend = oneOf('backend', values.backend, BACKENDS) ?? 'auto';
    const precision = oneOf('precision', values.precision, ['f32', 'f16']) ?? 'f32';
    const budget = 1000 * positive('budget', values.budget ?? String(DEFAULT_BUDGET_S));
    const batch = positive('batch', values.batch ?? '1');
    const model = await readModelFile(path);
    note(`Measuring (${backend}) …`);
    const runner = await openRunner(backend, model, { precision, batch, tune: { budget } });
    try {
      const { tuning, adapter } = runner;
      if (!tuning) throw new Error('the network was loaded without tuning');
      if (values.output) writeFileSync(values.output, `${JSON.stringify(tuning.choices, null, 2)}\n`);
      if (values.json) printJson({ ...tuning, adapter: { backend: runner.backend, ...adapter } });
      else show(tuning);
      return 0;
    } finally {
      await runner.close();
    }
  },
};

function show({ choices, milliseconds }: Tuning): void {
  for (const [shape, variant] of Object.entries(choices)) print(`${shape}  ${variant}`);
  const [before, after] = milliseconds ?? [];
  if (before === undefined || after === undefined) return;
  print(`one inference: ${before.toFixed(1)} ms before tuning, ${after.toFixed(1)} ms after`);
}
