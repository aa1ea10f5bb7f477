/** `kernels`: what the compilers of real GPUs make of a network's kernels, without the GPUs. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, oneOf, parse, positive, UsageError } from '../cli/command.js';
import { note, print, printJson } from '../cli/terminal.js';
import { DISGUISES } from './disguise.js';
import { account, type FamilyReport } from './kernels/account.js';
import { type Compiled, compile, type Order, serveCompiler } from './kernels/compiler-process.js';
import { needOf, readDump } from './kernels/dump.js';
import { DRIVERS_VARIABLE, driversFolder, FAMILY_NAMES, familyNamed, missingDriver } from './kernels/families.js';
import type { Network } from './kernels/planned.js';
import { recordPeer } from './kernels/record.js';
import { familyLines, LEGEND } from './kernels/table.js';
import { isPeerName, PEERS } from './peer.js';
import { TFLITE_FOLDER } from './skipped.js';

const USAGE = `--gpu FAMILY,… [--arch NAME] [--batch N] [--precision f32|f16] [--dump FILE] [--drivers DIR] [--save DIR] [--json]
kernels --record PEER --as ${DISGUISES.join('|')} -o FILE [--arch NAME] [--batch N] [--tflite DIR]

Compiles every kernel that the plan of a network chooses, on the compilers of real GPUs, and counts what they issue.
Families: ${FAMILY_NAMES.join(', ')}.
--drivers DIR: the folder of the drivers, else the environment variable ${DRIVERS_VARIABLE} (docs/kernel-lab.md).
--record PEER: writes the kernels that a peer of the benchmark dispatches, in Chrome whose adapter is presented as --as.
--dump FILE: counts recorded kernels instead of ours. Their loops turn as the recorded uniform buffers say; where these do
  not say it, as often as the layers' multiply-adds need, which flatters.
--save DIR: keeps the text of each kernel and what the driver printed for it.`;

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  gpu: TEXT,
  arch: TEXT,
  batch: TEXT,
  precision: TEXT,
  drivers: TEXT,
  save: TEXT,
  dump: TEXT,
  record: TEXT,
  as: TEXT,
  tflite: TEXT,
  output: { type: 'string', short: 'o' },
  'compiler-process': { type: 'boolean' },
} as const;

export const kernels: Command = {
  usage: USAGE,
  async run(args) {
    const { values } = parse(args, OPTIONS);
    if (values['compiler-process']) return serveCompiler();
    const network = {
      arch: values.arch ?? 'densenet121',
      batch: positive('batch', values.batch ?? '1'),
      precision: oneOf('precision', values.precision, ['f32', 'f16']) ?? 'f32',
    } as const;
    if (values.record !== undefined)
      return record(values.record, values.as, values.output, network, values.tflite ?? TFLITE_FOLDER);
    if (values.gpu === undefined) throw new UsageError('kernels needs --gpu FAMILY,…; see kernels --help');
    const families = values.gpu.split(',').map((name) => familyNamed(name.trim()));
    const drivers = values.drivers ?? driversFolder();
    const missing = families.map((family) => missingDriver(family, drivers)).find((sentence) => sentence !== null);
    if (missing) {
      note(missing);
      return 1;
    }
    const order: Order = values.dump === undefined ? { network } : { work: readDump(values.dump) };
    const need = values.dump === undefined ? undefined : needOf(network);
    const reports: FamilyReport[] = [];
    for (const family of families) {
      const compiled = await compile(family, drivers ?? '', order);
      if (values.save) save(values.save, family.name, compiled);
      const report = account(family, compiled, need);
      reports.push(report);
      if (!values.json) for (const line of [...familyLines(report), '']) print(line);
    }
    if (values.json) printJson({ ...network, gpus: reports });
    else for (const line of LEGEND) print(line);
    return 0;
  },
};

async function record(
  peer: string,
  as: string | undefined,
  output: string | undefined,
  network: Network,
  tflite: string,
) {
  const names = Object.keys(PEERS).filter(isPeerName);
  if (!isPeerName(peer)) throw new UsageError(`--record: there is no peer ${peer}; there are ${names.join(', ')}`);
  const vendor = oneOf('as', as, DISGUISES);
  if (vendor === undefined) throw new UsageError(`--record needs --as ${DISGUISES.join('|')}`);
  if (output === undefined) throw new UsageError('--record needs -o FILE');
  const pipelines = await recordPeer(peer, vendor, network, tflite);
  writeFileSync(output, JSON.stringify(pipelines));
  const dispatches = pipelines.reduce((total, pipeline) => total + pipeline.dispatches.length, 0);
  print(`${output}: ${pipelines.length} pipelines, ${dispatches} dispatches of ${peer}, as on ${vendor}`);
  return 0;
}

/** Two files for each kernel: its text, and the assembly with the driver's statistics. */
function save(folder: string, family: string, { work, outputs }: Compiled): void {
  mkdirSync(folder, { recursive: true });
  for (const [i, { label, code }] of work.kernels.entries()) {
    const path = join(folder, `${family}-${String(i).padStart(2, '0')}-${label.replace(/\W+/g, '_')}`);
    writeFileSync(`${path}.wgsl`, code);
    writeFileSync(`${path}.txt`, outputs[i] ?? '');
  }
}
