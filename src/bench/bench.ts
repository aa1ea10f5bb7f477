/** `bench`: measures this package and its alternatives with the same weights in the same run. */
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { type Command, oneOf, parse, positive } from '../cli/command.js';
import { PACKAGE } from '../cli/files.js';
import { note, print, printJson } from '../cli/terminal.js';
import {
  DRIVERS,
  disguiseOf,
  driverOf,
  type Format,
  formatOf,
  PRESENTED,
  peersOf,
  picturesOptions,
} from './bench-options.js';
import { caseFiles } from './case-files.js';
import { presentedName } from './disguise.js';
import { markdownOf, rooflineMarkdown } from './markdown.js';
import { isPeerName, PEERS, type PeerName, peerRow } from './peer.js';
import { measurePictures, type PicturesOptions } from './pictures/pictures.js';
import { picturesLines, picturesMarkdown } from './pictures/report.js';
import { servePeer } from './process-peers.js';
import { type BenchReport, type CaseResult, caseLines, legend, profileLines, rooflineLines } from './report.js';
import { roofline, workOf } from './roofline.js';
import {
  type BenchCase,
  exportCases,
  modelBytes,
  parseCases,
  profileCase,
  type RunOptions,
  runCase,
  STANDARD_CASES,
} from './run-case.js';
import { TFLITE_FOLDER } from './skipped.js';

const BACKENDS = ['chrome', 'firefox', 'node'] as const;

const USAGE = `[--backend ${BACKENDS.join('|')}] [--cases MODEL:BATCH,…] [--peers NAME,…] [--rounds N] [--budget S] [--timeout S] [--as gpu] [--json|--markdown]
bench --profile [--cases …]    the time of every step of ours
bench --pictures [--count N] [--cases MODEL] [--peers ours]
                               N JPEGs (500) of 500×375 to classes, end to end, ours and transformers.js, and each stage's share
bench --roofline [--cases …]   the least possible time on some GPUs, computed from the network
bench --export DIR [--cases …] writes the files of each case, and measures nothing

Cases by default: ${STANDARD_CASES}; a model is a name, "tiny", or a safetensors file.
--as ${PRESENTED.join('|')}: presents such a GPU to every library instead of the adapter that there is, so that ours runs
  its GPU rows and others the kernels that they have for the vendor; gpu is intel, the commonest. Without it a software
  adapter runs the software rows of ours.
--tflite DIR: the .tflite files of LiteRT.js, as src/bench/make_tflite.py writes them (by default in .cache/tflite).
--markdown: prints the tables of BENCHMARKS.md.
--budget S: a peer leaves the rounds when its warm inferences have taken S seconds (60).
--timeout S: the longest wait for one reply of a peer (600).
--driver ${DRIVERS.join('|')}: a software Vulkan driver for --backend node (by default the system's own).
Peers (* by default):
${Object.entries(PEERS)
  .map(
    ([name, { title, standard, backends }]) =>
      `  ${standard ? '*' : ' '} ${name.padEnd(18)} ${title} (${backends.join(', ')})`,
  )
  .join('\n')}`;

const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean' } as const;
const OPTIONS = {
  backend: TEXT,
  cases: TEXT,
  peers: TEXT,
  rounds: TEXT,
  budget: TEXT,
  timeout: TEXT,
  driver: TEXT,
  as: TEXT,
  tflite: TEXT,
  export: TEXT,
  markdown: FLAG,
  profile: FLAG,
  pictures: FLAG,
  count: TEXT,
  roofline: FLAG,
  'peer-process': TEXT,
} as const;

export const bench: Command = {
  usage: USAGE,
  async run(args) {
    const { values } = parse(args, OPTIONS);
    const peer = values['peer-process'];
    const disguise = disguiseOf(values.as);
    if (peer !== undefined) return isPeerName(peer) ? servePeer(peer, disguise.as) : 2;
    const cases = parseCases(values.cases ?? STANDARD_CASES);
    if (values.export !== undefined) {
      exportCases(cases, values.export);
      return 0;
    }
    // Mesa caches compiled shaders on disk between processes: cold times would depend on earlier runs.
    process.env.MESA_SHADER_CACHE_DISABLE ??= 'true';
    const format = formatOf(values);
    if (values.pictures) return printPictures(picturesOptions(values), format, args);
    if (values.roofline) return printRoofline(cases, format);
    const backend = oneOf('backend', values.backend, BACKENDS) ?? 'chrome';
    const options: RunOptions = {
      backend,
      rounds: positive('rounds', values.rounds ?? '10'),
      budgetMs: 1000 * positive('budget', values.budget ?? '60'),
      timeoutMs: 1000 * positive('timeout', values.timeout ?? '600'),
      tflite: values.tflite ?? TFLITE_FOLDER,
      ...driverOf(values.driver),
      ...disguise,
    };
    if (values.profile) return printProfiles(cases, options, format === 'json');
    const command = args.filter((arg) => arg !== '--markdown');
    return printMeasurements(cases, peersOf(values.peers, backend), options, format, command);
  },
};

async function printPictures(options: PicturesOptions, format: Format, args: readonly string[]): Promise<number> {
  const report = await measurePictures(options);
  const command = args.filter((arg) => arg !== '--markdown');
  if (format === 'json') printJson(report);
  else for (const line of format === 'text' ? picturesLines(report) : picturesMarkdown(report, command)) print(line);
  return 0;
}

async function printMeasurements(
  cases: readonly BenchCase[],
  peers: readonly PeerName[],
  options: RunOptions,
  format: Format,
  command: readonly string[],
): Promise<number> {
  const results: CaseResult[] = [];
  let adapter: string | null = null;
  let browser: string | null = null;
  const before = loadavg();
  for (const which of cases) {
    const { model, batch } = which;
    note(`${model}, batch ${batch}:`);
    const measured = await runCase(which, peers, options);
    adapter ??= measured.adapter;
    browser ??= measured.browser;
    const { inputSize, runs, skipped } = measured;
    const result: CaseResult = { model, batch, inputSize, runs, skipped };
    results.push(result);
    if (format === 'text') for (const line of [...caseLines(result), '']) print(line);
  }
  const [cpu] = cpus();
  const [load = 0] = before;
  const report: BenchReport = {
    adapter,
    presentedAs: options.as === undefined ? null : presentedName(options.as),
    backend: options.backend,
    browser,
    date: new Date().toISOString(),
    system: {
      platform: process.platform,
      cpu: cpu?.model.trim() ?? '',
      cores: cpus().length,
      node: process.version,
      load,
    },
    versions: versions(peers),
    cases: results,
  };
  if (format === 'json') printJson(report);
  else for (const line of format === 'text' ? closing(report) : markdownOf(report, command)) print(line);
  return results.some(({ runs }) => runs.some(({ name, error }) => name === 'ours' && error !== null)) ? 1 : 0;
}

function closing({ adapter, presentedAs, browser, backend, date, system, versions: of, cases }: BenchReport): string[] {
  const presented = presentedAs === null ? '' : `, presented to every library as ${presentedAs}`;
  return [
    ...legend(cases[0]?.runs ?? []),
    `adapter: ${adapter ?? 'unknown'}${presented}; ${browser ?? `${backend} ${system.node}`}; ${system.cpu}, ${system.cores} cores, load ${system.load.toFixed(1)} before; ${date}`,
    Object.entries(of)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    "n: warm inferences, interleaved. Cold: library, model and first result on a new page. × ours: the peer's time over ours.",
    'Kernels: software row and GPU row are those of ours for software adapters and for GPUs; other libraries have GPU kernels alone.',
  ];
}

async function printProfiles(cases: readonly BenchCase[], options: RunOptions, json: boolean): Promise<number> {
  const profiles: unknown[] = [];
  for (const which of cases) {
    const profile = await profileCase({ ...which, batch: 1 }, options);
    if (!profile) throw new Error('the network gave no profile');
    profiles.push({ model: which.model, ...profile });
    if (!json) for (const line of [which.model, ...profileLines(profile), '']) print(line);
  }
  if (json) printJson({ backend: options.backend, profiles });
  return 0;
}

function printRoofline(cases: readonly BenchCase[], format: Format): number {
  const rows = cases.map((which) => {
    const { config, shape } = caseFiles(modelBytes(which), which.batch);
    const work = workOf(config, [shape[2], shape[3]], which.batch);
    return { ...which, work, devices: roofline(work) };
  });
  if (format === 'json') printJson({ cases: rows });
  else if (format === 'markdown') for (const line of rooflineMarkdown(rows)) print(line);
  else
    for (const { model, batch, work, devices } of rows)
      for (const line of rooflineLines(`${model}, batch ${batch}`, work, devices)) print(line);
  return 0;
}

/** Of this package, of Dawn, and of every library asked for that is installed. */
function versions(peers: readonly PeerName[]): Record<string, string> {
  const versionOf = (folder: string): string => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
  const names = new Set(['webgpu', ...peers.map((name) => peerRow(name).package)]);
  names.delete('densenet-webgpu');
  const folders = [...names].map((name) => [name, join(PACKAGE, 'node_modules', name)] as const);
  const installed = folders.filter(([, folder]) => existsSync(folder));
  return {
    'densenet-webgpu': versionOf(PACKAGE),
    ...Object.fromEntries(installed.map(([name, folder]) => [name, versionOf(folder)])),
  };
}
