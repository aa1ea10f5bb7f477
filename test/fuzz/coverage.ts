/** Which code has ever run, as V8's block coverage tells it: what the guided fuzzer looks for more of. */
import { type Profiler, Session } from 'node:inspector';

type Interval = readonly [start: number, end: number];

interface Executed {
  readonly scriptId: string;
  readonly ranges: readonly Profiler.CoverageRange[];
}

/** Binary logarithm of how often a block may run before its count is looked at. */
const FEW = 4;

/** Of one script, from when it is made; run by the caller's own process. */
export class Coverage {
  readonly #session = new Session();
  /** Function → its source that has never run. */
  readonly #idle = new Map<string, readonly Interval[]>();
  /** Block → the binary logarithm of how often it ran at most in one input. */
  readonly #most = new Map<string, number>();
  readonly #isOurs: (url: string) => boolean;

  /** @param isOurs whether a script of this URL is to be covered */
  constructor(isOurs: (url: string) => boolean) {
    this.#isOurs = isOurs;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Forgets what ran since the last call. */
  skip(): void {
    this.#take();
  }

  /** Whether something ran for the first time since the last call, or twice as often as in any input before; keeps it. */
  isNew(): boolean {
    // All functions are looked at, since each keeps its own.
    return this.#functions().filter((ranges) => this.#isNews(ranges, 1, true)).length > 0;
  }

  /** The same of several inputs together, keeping nothing. */
  isNewIn(inputs: number): boolean {
    return this.#functions().some((ranges) => this.#isNews(ranges, inputs, false));
  }

  /** Functions that have run, and blocks in them that have not. */
  get size(): { readonly functions: number; readonly idleBlocks: number } {
    return {
      functions: this.#idle.size,
      idleBlocks: [...this.#idle.values()].reduce((sum, { length }) => sum + length, 0),
    };
  }

  /** @param ranges of one function: itself, then blocks whose counts are others */
  #isNews({ scriptId, ranges }: Executed, inputs: number, isKept: boolean): boolean {
    const [own] = ranges;
    if (!own || own.count === 0) return false;
    const name = `${scriptId}:${own.startOffset}`;
    const idle = ranges.flatMap(({ count, startOffset, endOffset }): Interval[] =>
      count === 0 ? [[startOffset, endOffset]] : [],
    );
    const before = this.#idle.get(name);
    const now = before ? common(before, idle) : idle;
    if (isKept) this.#idle.set(name, now);
    let isNews = !before || lengthOf(now) < lengthOf(before);
    for (const { count, startOffset, endOffset } of ranges) {
      const block = `${scriptId}:${startOffset}-${endOffset}`;
      const level = Math.floor(Math.log2(count / inputs + 1));
      if (level <= Math.max(FEW, this.#most.get(block) ?? 0)) continue;
      if (isKept) this.#most.set(block, level);
      isNews = true;
    }
    return isNews;
  }

  #functions(): readonly Executed[] {
    return this.#take()
      .filter(({ url }) => this.#isOurs(url))
      .flatMap(({ scriptId, functions }) => functions.map(({ ranges }) => ({ scriptId, ranges })));
  }

  #take(): readonly Profiler.ScriptCoverage[] {
    let result: readonly Profiler.ScriptCoverage[] = [];
    // The session is of this thread: it answers before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error) throw error;
      result = taken.result;
    });
    return result;
  }
}

const lengthOf = (intervals: readonly Interval[]): number =>
  intervals.reduce((sum, [start, end]) => sum + end - start, 0);

/** What lies in both lists. */
function common(a: readonly Interval[], b: readonly Interval[]): readonly Interval[] {
  return a.flatMap(([start, end]) =>
    b.flatMap(([from, to]): Interval[] => {
      const [left, right] = [Math.max(start, from), Math.min(end, to)];
      return left < right ? [[left, right]] : [];
    }),
  );
}
