/** `bench --pictures`: JPEG files to classes, end to end, with this package and with transformers.js in one browser. */
import type { Page } from 'puppeteer-core';
import { launchBrowser } from '../../cli/browser.js';
import type { BrowserKind } from '../../cli/installed-browsers.js';
import { BENCH_CSP, BENCH_FOLDERS } from '../../cli/serve.js';
import { startServer } from '../../cli/server.js';
import { note } from '../../cli/terminal.js';
import { presetOf } from '../../preprocess/presets.js';
import type { PreprocessSpec } from '../../preprocess/spec.js';
import { seededModel, TINY } from '../case-files.js';
import { quantile, type Spread, spread } from '../statistics.js';
import { drawnJpegs } from './jpegs.js';
import type { Opened, PictureLibrary, PicturesPage, PictureTask, PictureTime, Stages } from './protocol.js';
import { hubFiles, installTransformers, TRANSFORMERS_FOLDERS, transformersVersions } from './transformers.js';

export interface PicturesOptions {
  readonly backend: BrowserKind;
  readonly model: string;
  readonly count: number;
  readonly libraries: readonly PictureLibrary[];
}

export interface LibraryResult {
  readonly library: PictureLibrary;
  /** Library, model and first picture. */
  readonly openMs: number;
  /** Milliseconds for each picture. */
  readonly times: Spread;
  readonly picturesPerSecond: number;
  /** The medians. */
  readonly stages: Stages;
}

export interface PicturesReport {
  readonly model: string;
  readonly count: number;
  readonly meanBytes: number;
  readonly browser: string;
  readonly adapter: string | null;
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly results: readonly LibraryResult[];
  /** Pictures per second with several calls at once. */
  readonly atOncePerSecond: number;
  /** What is not measured, and why. */
  readonly skipped: string | null;
  /** Null where one library is measured. */
  readonly agreement: { readonly sameBest: number; readonly largestDifference: number } | null;
}

/** Pictures of one library before it is the other's turn, so that a spell of noise meets both. */
const TURN = 5;
/** Pictures whose stages are measured. */
const MOST_STAGES = 50;

/** torchvision's preprocessing, smaller for a small network. */
function preprocessOf(model: string): { preprocess: PreprocessSpec; inputSize: readonly [number, number] } {
  const preset = presetOf('torchvision');
  if (model !== TINY) return { preprocess: preset, inputSize: [224, 224] };
  const resize = { kind: 'shorterSide', size: 73, filter: 'bilinear', antialias: true } as const;
  return { preprocess: { ...preset, resize, crop: [64, 64] }, inputSize: [64, 64] };
}

/** @throws Error when ours fails; transformers.js is skipped where it cannot be installed */
export async function measurePictures(options: PicturesOptions): Promise<PicturesReport> {
  const { model, count } = options;
  const skipped = installFor(options.libraries);
  const libraries = options.libraries.filter((library) => library === 'ours' || skipped === null);
  note(`Drawing ${count} pictures …`);
  const jpegs = await drawnJpegs(count);
  const { preprocess, inputSize } = preprocessOf(model);
  const safetensors = seededModel(model);
  const hub = libraries.includes('transformers.js') ? hubFiles(safetensors, preprocess, inputSize) : [];
  const server = await startServer({
    folders: { ...BENCH_FOLDERS, ...TRANSFORMERS_FOLDERS },
    files: new Map<string, Uint8Array | string>([
      [
        '/pictures.html',
        '<!doctype html><title>pictures</title><script type="module" src="bench/pictures.js"></script>',
      ],
      ['/model.safetensors', safetensors],
      ...jpegs.map((jpeg, i): [string, Uint8Array] => [`/jpeg/${i}`, jpeg]),
      ...hub,
    ]),
    csp: BENCH_CSP,
    isPrivate: true,
  });
  const browser = await launchBrowser(options.backend);
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    await page.goto(`${server.base}pictures.html`);
    await page.waitForFunction('globalThis.pictures !== undefined');
    const task: PictureTask = { count, safetensors: 'model.safetensors', preprocess, inputSize };
    const measured = await measure(page, libraries, task);
    return {
      ...{ model, count, skipped, ...measured },
      meanBytes: jpegs.reduce((sum, { byteLength }) => sum + byteLength, 0) / count,
      browser: await browser.version(),
      date: new Date().toISOString(),
      versions: libraries.includes('transformers.js') ? transformersVersions() : {},
    };
  } finally {
    await browser.close();
    await server.close();
  }
}

/** @returns why transformers.js cannot be measured, or null */
function installFor(libraries: readonly PictureLibrary[]): string | null {
  if (!libraries.includes('transformers.js')) return null;
  try {
    installTransformers();
    return null;
  } catch (error) {
    const why = `transformers.js is skipped: ${error instanceof Error ? error.message : error}`;
    note(why);
    return why;
  }
}

type Measured = Pick<PicturesReport, 'adapter' | 'results' | 'atOncePerSecond' | 'agreement'>;

async function measure(page: Page, libraries: readonly PictureLibrary[], task: PictureTask): Promise<Measured> {
  const { count } = task;
  const opened = new Map<PictureLibrary, Opened>();
  for (const library of libraries) {
    note(`Opening ${library} …`);
    opened.set(library, await call(page, 'open', library, task));
  }
  const times = new Map<PictureLibrary, PictureTime[]>(libraries.map((library) => [library, []]));
  for (let from = 0; from < count; from += TURN) {
    note(`  picture ${from} of ${count}`);
    for (const library of libraries) {
      const turn = await call(page, 'classify', library, from, Math.min(count, from + TURN));
      times.get(library)?.push(...turn);
    }
  }
  const atOnce = await call(page, 'atOnce', 0, count);
  const stages = new Map<PictureLibrary, Stages[]>(libraries.map((library) => [library, []]));
  for (let picture = 0; picture < Math.min(count, MOST_STAGES); picture++)
    for (const library of libraries) stages.get(library)?.push(await call(page, 'stages', library, picture));
  return {
    adapter: opened.get('ours')?.adapter ?? null,
    results: libraries.map((library) => ({
      ...{ library, openMs: opened.get(library)?.milliseconds ?? Number.NaN },
      ...ratesOf(times.get(library) ?? []),
      stages: medians(stages.get(library) ?? []),
    })),
    atOncePerSecond: (1000 * count) / atOnce,
    agreement: agreementOf(times.get('ours') ?? [], times.get('transformers.js')),
  };
}

const POLL_MS = 200;

/** Calls a method of the page. Asks for its result now and then: one long wait through the debugger would be cut short. */
async function call<M extends keyof PicturesPage>(page: Page, method: M, ...args: Parameters<PicturesPage[M]>) {
  await page.evaluate(`globalThis.reply = null; void pictures.${method}(...${JSON.stringify(args)}).then(
    (value) => { globalThis.reply = { value }; }, (error) => { globalThis.reply = { error: String(error) }; })`);
  for (;;) {
    const reply = (await page.evaluate('globalThis.reply')) as Reply<Awaited<ReturnType<PicturesPage[M]>>> | null;
    if (reply && 'error' in reply) throw new Error(reply.error);
    if (reply) return reply.value;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

type Reply<T> = { readonly value: T } | { readonly error: string };

function ratesOf(times: readonly PictureTime[]): Pick<LibraryResult, 'times' | 'picturesPerSecond'> {
  const milliseconds = times.map((time) => time.milliseconds);
  const total = milliseconds.reduce((sum, each) => sum + each, 0);
  return { times: spread(milliseconds), picturesPerSecond: (1000 * times.length) / total };
}

function medians(all: readonly Stages[]): Stages {
  const median = (values: readonly number[]) => quantile(values, 0.5);
  const orNull = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    return known.length > 0 ? median(known) : null;
  };
  return {
    decode: median(all.map(({ decode }) => decode)),
    upload: orNull(all.map(({ upload }) => upload)),
    preprocess: median(all.map(({ preprocess }) => preprocess)),
    network: median(all.map(({ network }) => network)),
    readback: orNull(all.map(({ readback }) => readback)),
  };
}

function agreementOf(ours: readonly PictureTime[], theirs?: readonly PictureTime[]): PicturesReport['agreement'] {
  if (!theirs) return null;
  const same = ours.filter(({ best }, i) => best === theirs[i]?.best);
  const differences = ours.map(({ probability }, i) => Math.abs(probability - (theirs[i]?.probability ?? Number.NaN)));
  return { sameBest: same.length, largestDifference: Math.max(...differences) };
}
