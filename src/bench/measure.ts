/**
 * One case: every peer opened afresh and its logits checked, then all those that agree timed in turns. A peer that fails
 * or disagrees is part of the result, with its reason.
 */
import type { Contender } from './contender.js';
import type { Counts } from './counters.js';
import { type PeerName, peerRow, type Task } from './peer.js';
import { relativeError, spread } from './statistics.js';

/** A peer's result; null where it failed, or where a backend cannot tell. Times in milliseconds. */
export interface Run {
  readonly name: PeerName;
  readonly error: string | null;
  readonly warmMedianMs: number | null;
  readonly p10: number | null;
  readonly p90: number | null;
  readonly samples: number;
  /** Library, model and first result, on a fresh page of a fresh browser (or in a fresh process). */
  readonly coldMs: number | null;
  readonly libraryMs: number | null;
  readonly createMs: number | null;
  readonly firstMs: number | null;
  readonly dispatches: number | null;
  readonly submits: number | null;
  readonly buffersCreated: number | null;
  readonly liveGpuBytes: number | null;
  readonly peakGpuBytes: number | null;
  readonly downloadBytes: number | null;
  readonly maxRelError: number | null;
  /** Warm median over ours. */
  readonly ratio: number | null;
  /** Cold time over ours. */
  readonly coldRatio: number | null;
}

export interface MeasureOptions {
  readonly rounds: number;
  /** A peer stops taking part when its warm inferences have taken this long, but not before its first. */
  readonly budgetMs: number;
  /** Opens a peer where nothing of it has run before. */
  readonly open: (name: PeerName) => Promise<Contender>;
  /** The logits to agree with; null takes those of the first peer that is not ours. */
  readonly reference: ArrayLike<number> | null;
  readonly note: (line: string) => void;
}

export interface Measured {
  readonly adapter: string | null;
  readonly runs: readonly Run[];
}

/** Inferences of one turn: enough that what another peer left in the caches does not count for much. */
const TURN_MS = 500;
const TURN_MOST = 8;

type ColdAnswer = Awaited<ReturnType<typeof askCold>>;
const askCold = (contender: Contender, task: Task) => contender.ask('cold', task);

interface Entry {
  readonly name: PeerName;
  contender: Contender | null;
  cold: ColdAnswer | null;
  error: string | null;
  maxRelError: number | null;
  readonly times: number[];
  counts: Counts | null;
  downloadBytes: number | null;
}

export async function measureCase(
  names: readonly PeerName[],
  task: Omit<Task, 'peer'>,
  options: MeasureOptions,
): Promise<Measured> {
  const entries = names.map(
    (name): Entry => ({
      name,
      contender: null,
      cold: null,
      error: null,
      maxRelError: null,
      times: [],
      counts: null,
      downloadBytes: null,
    }),
  );
  try {
    for (const entry of entries) await attempt(entry, () => openCold(entry, task, options));
    const reference = referenceOf(entries, options.reference);
    for (const entry of entries) await attempt(entry, async () => compare(entry, entry.cold?.logits, reference));
    await takeTurns(entries, options);
    for (const entry of entries) await attempt(entry, () => finish(entry, reference));
  } finally {
    for (const { contender } of entries) await contender?.close().catch(() => undefined);
  }
  const ours = entries.find(({ name }) => name === 'ours');
  return { adapter: ours?.cold?.adapter || null, runs: entries.map((entry) => runOf(entry, ours)) };
}

/** Whatever goes wrong with one peer is its own result and stops nobody else. */
async function attempt(entry: Entry, action: () => Promise<void>): Promise<void> {
  if (entry.error !== null) return;
  try {
    await action();
  } catch (error) {
    entry.error = error instanceof Error ? error.message : String(error);
  }
}

async function openCold(entry: Entry, task: Omit<Task, 'peer'>, { open, note }: MeasureOptions): Promise<void> {
  note(`  ${entry.name}: library, model, first result …`);
  entry.contender = await open(entry.name);
  entry.cold = await askCold(entry.contender, { ...task, peer: entry.name });
}

function referenceOf(entries: readonly Entry[], given: ArrayLike<number> | null): ArrayLike<number> | null {
  return given ?? entries.find(({ name, cold }) => cold !== null && !name.startsWith('ours'))?.cold?.logits ?? null;
}

/** Keeps the largest difference seen. @throws Error when it is larger than the peer is allowed */
function compare(entry: Entry, logits: ArrayLike<number> | undefined, reference: ArrayLike<number> | null): void {
  if (!logits || !reference) return;
  const error = relativeError(logits, reference);
  entry.maxRelError = Math.max(error, entry.maxRelError ?? 0);
  const { tolerance } = peerRow(entry.name);
  if (error <= tolerance) return;
  throw new Error(`wrong logits: they differ by ${error.toExponential(1)} of the largest, ${tolerance} is allowed`);
}

/** Rounds; in each, every peer has a turn, and each round begins with another. */
async function takeTurns(entries: readonly Entry[], { rounds, budgetMs, note }: MeasureOptions): Promise<void> {
  for (const entry of entries) await attempt(entry, () => warmUp(entry));
  for (let round = 0; round < rounds; round++) {
    note(`  round ${round + 1} of ${rounds} …`);
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[(i + round) % entries.length];
      if (entry) await attempt(entry, () => turn(entry, budgetMs));
    }
  }
}

/** The second inference is not a warm one everywhere: runtimes tune or record in it. It is left out where it is dear. */
async function warmUp({ contender, cold }: Entry): Promise<void> {
  if (contender && cold && cold.firstMs < DEAR_MS) await contender.ask('run', 1);
}
const DEAR_MS = 60_000;

async function turn({ contender, times, cold }: Entry, budgetMs: number): Promise<void> {
  const spent = times.reduce((sum, time) => sum + time, 0);
  if (!contender || (times.length > 0 && spent + (times.at(-1) ?? 0) > budgetMs)) return;
  const expected = times.at(-1) ?? cold?.firstMs ?? TURN_MS;
  times.push(...(await contender.ask('run', Math.min(TURN_MOST, Math.max(1, Math.floor(TURN_MS / expected))))));
}

/** Later inferences may take other ways than the first (replayed commands, tuned kernels): they must agree, too. */
async function finish(entry: Entry, reference: ArrayLike<number> | null): Promise<void> {
  if (!entry.contender) return;
  entry.downloadBytes = await entry.contender.downloadBytes();
  const { logits, ...counts } = await entry.contender.ask('last', null);
  compare(entry, logits, reference);
  entry.counts = counts;
}

function runOf(entry: Entry, ours: Entry | undefined): Run {
  const { name, error, cold, times, counts, maxRelError, downloadBytes } = entry;
  const valid = error === null && times.length > 0 ? spread(times) : null;
  const our = ours && ours.error === null && ours.times.length > 0 ? spread(ours.times).median : null;
  const coldMs = error === null ? coldOf(cold) : null;
  const ourCold = ours?.error === null ? coldOf(ours.cold) : null;
  // A runtime that never touched this page's WebGPU has nothing to count.
  const counted = error === null && counts && counts.peakGpuBytes > 0 ? counts : null;
  return {
    name,
    error,
    warmMedianMs: valid?.median ?? null,
    p10: valid?.p10 ?? null,
    p90: valid?.p90 ?? null,
    samples: times.length,
    coldMs,
    libraryMs: coldMs === null ? null : (cold?.libraryMs ?? null),
    createMs: coldMs === null ? null : (cold?.createMs ?? null),
    firstMs: coldMs === null ? null : (cold?.firstMs ?? null),
    dispatches: counted?.dispatches ?? null,
    submits: counted?.submits ?? null,
    buffersCreated: counted?.buffersCreated ?? null,
    liveGpuBytes: counted?.liveGpuBytes ?? null,
    peakGpuBytes: counted?.peakGpuBytes ?? null,
    downloadBytes,
    maxRelError,
    ratio: valid && our ? valid.median / our : null,
    coldRatio: coldMs !== null && ourCold ? coldMs / ourCold : null,
  };
}

const coldOf = (cold: ColdAnswer | null): number | null =>
  cold ? cold.libraryMs + cold.createMs + cold.firstMs : null;
