/** `bench`: measures this package and its alternatives with the same weights in the same run. */
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { type Command, oneOf, parse, positive, UsageError } from '../cli/command.js';
import { findDriver } from '../cli/dawn.js';
import { PACKAGE } from '../cli/files.js';
import { note, print, printJson } from '../cli/terminal.js';
import { caseFiles } from './case-files.js';
import { markdownOf, rooflineMarkdown } from './markdown.js';
import { isPeerName, PEERS, type PeerName, peerRow } from './peer.js';
import { servePeer } from './process-peers.js';
import { type BenchReport, type CaseResult, caseLines, legend, profileLines, rooflineLines } from './report.js';
import { roofline, workOf } from './roofline.js';
import {
  type Backend,
  type BenchCase,
  modelBytes,
  parseCases,
  profileCase,
  type RunOptions,
  runCase,
  STANDARD_CASES,
} from './run-case.js';

const BACKENDS = ['chrome', 'firefox', 'node'] as const;
const DRIVERS = ['lavapipe', 'swiftshader'] as const;

const USAGE = `[--backend ${BACKENDS.join('|')}] [--cases MODEL:BATCH,…] [--peers NAME,…] [--rounds N] [--budget S] [--timeout S] [--json|--markdown]
bench --profile [--cases …]    the time of every step of ours
bench --roofline [--cases …]   the least possible time on some GPUs, computed from the network

Cases by default: ${STANDARD_CASES}; a model is a name, "tiny", or a safetensors file.
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
  markdown: FLAG,
  profile: FLAG,
  roofline: FLAG,
  'peer-process': TEXT,
} as const;

export const bench: Command = {
  usage: USAGE,
  async run(args) {
    const { values } = parse(args, OPTIONS);
    const peer = values['peer-process'];
    if (peer !== undefined) return isPeerName(peer) ? servePeer(peer) : 2;
    const cases = parseCases(values.cases ?? STANDARD_CASES);
    // Mesa caches compiled shaders on disk between processes: cold times would depend on earlier runs.
    process.env.MESA_SHADER_CACHE_DISABLE ??= 'true';
    const format = formatOf(values);
    if (values.roofline) return printRoofline(cases, format);
    const backend = oneOf('backend', values.backend, BACKENDS) ?? 'chrome';
    const options: RunOptions = {
      backend,
      rounds: positive('rounds', values.rounds ?? '10'),
      budgetMs: 1000 * positive('budget', values.budget ?? '60'),
      timeoutMs: 1000 * positive('timeout', values.timeout ?? '600'),
      ...driverOf(values.driver),
    };
    if (values.profile) return printProfiles(cases, options, format === 'json');
    const command = args.filter((arg) => arg !== '--markdown');
    return printMeasurements(cases, peersOf(values.peers, backend), options, format, command);
  },
};

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
    const result: CaseResult = { model, batch, inputSize: measured.inputSize, runs: measured.runs };
    results.push(result);
    if (format === 'text') for (const line of [...caseLines(result), '']) print(line);
  }
  const [cpu] = cpus();
  const [load = 0] = before;
  const report: BenchReport = {
    adapter,
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
    versions: versions(),
    cases: results,
  };
  if (format === 'json') printJson(report);
  else for (const line of format === 'text' ? closing(report) : markdownOf(report, command)) print(line);
  return results.some(({ runs }) => runs.some(({ name, error }) => name === 'ours' && error !== null)) ? 1 : 0;
}

function closing({ adapter, browser, backend, date, system, versions: of, cases }: BenchReport): string[] {
  return [
    ...legend(cases[0]?.runs ?? []),
    `adapter: ${adapter ?? 'unknown'}; ${browser ?? `${backend} ${system.node}`}; ${system.cpu}, ${system.cores} cores, load ${system.load.toFixed(1)} before; ${date}`,
    Object.entries(of)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    "n: warm inferences, interleaved. Cold: library, model and first result on a new page. × ours: the peer's time over ours.",
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
  else
    for (const { work, devices, ...which } of rows) {
      const lines =
        format === 'text'
          ? rooflineLines(`${which.model}, batch ${which.batch}`, work, devices)
          : rooflineMarkdown(which, work, devices);
      for (const line of lines) print(line);
    }
  return 0;
}

type Format = 'text' | 'json' | 'markdown';

function formatOf({
  json,
  markdown,
}: {
  readonly json?: boolean | undefined;
  readonly markdown?: boolean | undefined;
}): Format {
  if (json && markdown) throw new UsageError('--json and --markdown cannot be combined: choose one');
  return json ? 'json' : markdown ? 'markdown' : 'text';
}

/** @throws UsageError for a name that is not a peer of this backend */
function peersOf(text: string | undefined, backend: Backend): PeerName[] {
  const place = backend === 'node' ? 'node' : 'browser';
  const names = Object.keys(PEERS).filter(isPeerName);
  const here = names.filter((name) => peerRow(name).backends.includes(place));
  if (text === undefined) return here.filter((name) => peerRow(name).standard);
  const asked = text.split(',').map((name) => name.trim());
  const unknown = asked.find((name) => !here.some((known) => known === name));
  if (unknown !== undefined)
    throw new UsageError(`--peers: there is no ${unknown} on ${backend}; choose from ${here.join(', ')}`);
  return here.filter((name) => asked.includes(name));
}

function driverOf(name: string | undefined): { readonly env?: Readonly<Record<string, string>> } {
  const driver = oneOf('driver', name, DRIVERS);
  if (driver === undefined) return {};
  const manifest = findDriver(driver);
  if (manifest === null) throw new UsageError(`--driver is ${driver}, which is not installed`);
  return { env: { VK_ICD_FILENAMES: manifest } };
}

const PACKAGES = ['onnxruntime-web', 'onnxruntime-node', '@tensorflow/tfjs-core', 'webgpu'] as const;

function versions(): Record<string, string> {
  const versionOf = (folder: string): string => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
  const installed = PACKAGES.map((name) => [name, versionOf(join(PACKAGE, 'node_modules', name))] as const);
  return { 'densenet-webgpu': versionOf(PACKAGE), ...Object.fromEntries(installed) };
}
