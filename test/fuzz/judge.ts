/**
 * The property: whatever the bytes, a reader gives a valid model or a typed error, within a second of CPU time and in
 * twice the file's size of memory.
 *
 * An input is a pure function of (reader, seed, index), so that three numbers are all it takes to see it again.
 */
import { getHeapStatistics } from 'node:v8';
import { isDenseNetError } from '../../src/core/errors.js';
import { BROKEN } from './broken.js';
import { hash, Random } from './random.js';
import { type Input, READERS, type Reader } from './readers.js';

/** Microseconds of CPU time: other work on the machine does not count. */
const LIMIT_US = 1_000_000;
/**
 * Everything that is allocated counts, garbage too, which is more than is ever held. So a constant is allowed for what
 * a file of no size takes: decoded text, parsed JSON, names, compiled code, an unzipped Keras archive (tenfold its JSON),
 * the search for the nearest of misspelt names.
 */
const ALLOWANCE = 16 * 2 ** 20;
/** A garbage collection on the way hides what was allocated; the process's own growth, in coarse steps, does not. */
const GROWTH_ALLOWANCE = 32 * 2 ** 20;

export interface Verdict {
  /** `model`, or the error's name. */
  readonly outcome: string;
  /** What is wrong with the reader; `null` when it did as it should. */
  readonly violation: string | null;
  readonly milliseconds: number;
  /** Allocated by the reader, above what is there for every file. */
  readonly bytes: number;
}

export const readerNames = (): string[] => [...READERS.keys()];

/** @throws RangeError naming the readers there are */
export function openReader(name: string): Reader {
  const open = name === 'broken' ? () => BROKEN : READERS.get(name);
  if (!open) throw new RangeError(`there is no reader "${name}"; the readers are ${readerNames().join(', ')}`);
  return open();
}

export function makeInput(reader: Reader, name: string, seed: number, index: number): Input {
  return reader.make(new Random(hash(name), seed, index));
}

export async function judge(reader: Reader, input: Input): Promise<Verdict> {
  const size = [...input.values()].reduce((sum, { length }) => sum + length, 0);
  const limit = 2 * size + ALLOWANCE + (reader.allowance ?? 0);
  const before = process.resourceUsage();
  const held = allocated();
  let bytes = 0;
  let outcome = 'model';
  let violation: string | null = null;
  try {
    const use = await reader.read(input).finally(() => {
      bytes = allocated() - held;
    });
    use();
  } catch (error) {
    if (isDenseNetError(error)) outcome = error.name;
    else [outcome, violation] = ['untyped', describe(error)];
  }
  const after = process.resourceUsage();
  const cpu = after.userCPUTime - before.userCPUTime + after.systemCPUTime - before.systemCPUTime;
  const growth = 1024 * (after.maxRSS - before.maxRSS);
  if (cpu > LIMIT_US) violation ??= `took ${Math.round(cpu / 1000)} ms`;
  if (bytes > limit) violation ??= `allocated ${bytes} bytes for a file of ${size}`;
  if (growth > limit + GROWTH_ALLOWANCE) violation ??= `made the process grow by ${growth} bytes for a file of ${size}`;
  return { outcome, violation, milliseconds: cpu / 1000, bytes };
}

function allocated(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

/** The message and the first line of ours in the stack. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const frames = error.stack?.split('\n').filter((line) => line.trimStart().startsWith('at ')) ?? [];
  return `threw ${error.name}: ${error.message.slice(0, 200)} ${(frames[0] ?? '').trim()}`;
}
