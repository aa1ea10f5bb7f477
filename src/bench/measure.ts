/**
 * Measures one case: opens every peer and checks its logits, then times those that agree, interleaved in rounds. A peer
 * that fails or disagrees is in the result with its error.
 */
import type { Counts } from './counters.js';
import { type KernelFamily, type KernelRow, type PeerName, peerRow, type Task } from './peer.js';
import type { PeerClient } from './protocol.js';
import { relativeError, spread } from './statistics.js';

/** A peer's result; null where it failed, or where the backend cannot measure it. Times are in milliseconds. */
export interface Run {
  readonly name: PeerName;
  readonly error: string | null;
  /** Null where the peer did not open. */
  readonly kernels: KernelFamily | null;
  /** The row of this package's table that its kernels are from; null for other libraries. */
  readonly row: KernelRow | null;
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
  /** A peer leaves the rounds when its warm inferences have taken this long, but not before the first. */
  readonly budgetMs: number;
  /** Opens a peer on a new page or in a new process. */
  readonly open: (name: PeerName) => Promise<PeerClient>;
  /** The logits to compare with; null takes those of the first peer that is not ours. */
  readonly reference: ArrayLike<number> | null;
  readonly note: (line: string) => void;
}

export interface Measured {
  readonly adapter: string | null;
  readonly runs: readonly Run[];
}

/** A peer's inferences in one round take about this long, so that another peer's traces in the caches matter little. */
const BURST_MS = 500;
const LONGEST_BURST = 8;

type ColdReply = Awaited<ReturnType<typeof callCold>>;
const callCold = (client: PeerClient, task: Task) => client.call('cold', task);

interface Entry {
  readonly name: PeerName;
  client: PeerClient | null;
  cold: ColdReply | null;
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
      client: null,
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
    await runRounds(entries, options);
    for (const entry of entries) await attempt(entry, () => finish(entry, reference));
  } finally {
    for (const { client } of entries) await client?.close().catch(() => undefined);
  }
  const ours = entries.find(({ name }) => name === 'ours');
  return { adapter: ours?.cold?.adapter || null, runs: entries.map((entry) => runOf(entry, ours)) };
}

/** An error of one peer is that peer's result; the others go on. */
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
  entry.client = await open(entry.name);
  entry.cold = await callCold(entry.client, { ...task, peer: entry.name });
}

function referenceOf(entries: readonly Entry[], given: ArrayLike<number> | null): ArrayLike<number> | null {
  return given ?? entries.find(({ name, cold }) => cold !== null && !name.startsWith('ours'))?.cold?.logits ?? null;
}

/** Records the largest error. @throws Error when it exceeds the peer's tolerance */
function compare(entry: Entry, logits: ArrayLike<number> | undefined, reference: ArrayLike<number> | null): void {
  if (!logits || !reference) return;
  const error = relativeError(logits, reference);
  entry.maxRelError = Math.max(error, entry.maxRelError ?? 0);
  const { tolerance } = peerRow(entry.name);
  if (error <= tolerance) return;
  throw new Error(
    `wrong logits: the largest error is ${error.toExponential(1)} of the largest logit, above the tolerance of ${tolerance}`,
  );
}

/** In each round every peer runs once; each round starts with another peer. */
async function runRounds(entries: readonly Entry[], { rounds, budgetMs, note }: MeasureOptions): Promise<void> {
  for (const entry of entries) await attempt(entry, () => warmUp(entry));
  for (let round = 0; round < rounds; round++) {
    note(`  round ${round + 1} of ${rounds} …`);
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[(i + round) % entries.length];
      if (entry) await attempt(entry, () => runBurst(entry, budgetMs));
    }
  }
}

/** Some runtimes tune or record in the second inference, so it is not timed. It is skipped where it would take long. */
async function warmUp({ client, cold }: Entry): Promise<void> {
  if (client && cold && cold.firstMs < LONGEST_WARM_UP_MS) await client.call('run', 1);
}
const LONGEST_WARM_UP_MS = 60_000;

async function runBurst({ client, times, cold }: Entry, budgetMs: number): Promise<void> {
  const spent = times.reduce((sum, time) => sum + time, 0);
  if (!client || (times.length > 0 && spent + (times.at(-1) ?? 0) > budgetMs)) return;
  const expected = times.at(-1) ?? cold?.firstMs ?? BURST_MS;
  times.push(...(await client.call('run', Math.min(LONGEST_BURST, Math.max(1, Math.floor(BURST_MS / expected))))));
}

/** Checks the last logits too: later inferences may run other code than the first (replayed commands, tuned kernels). */
async function finish(entry: Entry, reference: ArrayLike<number> | null): Promise<void> {
  if (!entry.client) return;
  entry.downloadBytes = await entry.client.downloadBytes();
  const { logits, ...counts } = await entry.client.call('last', null);
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
    kernels: cold && familyOf(name, cold.row),
    row: cold?.row ?? null,
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

/** Which kernels computed a result, in words. */
export const kernelsOf = ({ kernels, row }: Run): string | null => (row ? `${row.family} (${row.name})` : kernels);

function familyOf(name: PeerName, row: KernelRow | null): KernelFamily {
  if (row) return row.family;
  return peerRow(name).runsOn === 'cpu' ? 'CPU' : 'own GPU kernels';
}

const coldOf = (cold: ColdReply | null): number | null => (cold ? cold.libraryMs + cold.createMs + cold.firstMs : null);
