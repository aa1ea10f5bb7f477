/**
 * How often each loop of a compiled program turns: the loops that are left in it are found again in the kernel's text.
 *
 * A compiler may write out a loop whose turns it knows. Of all ways to see the program's loops in the text's, the one is
 * taken that does the fewest multiply-adds and still no fewer than are needed.
 */
import { addMixes, allMultiplyAdds, type Mix, type Region } from './program.js';
import type { Loop } from './wgsl-loops.js';

/** What a wave does in all turns of all loops. */
export interface Counted {
  readonly total: Mix;
  /** The loop in which most multiply-adds are done: the mix of a turn, and how often it turns. */
  readonly hottest: { readonly mix: Mix; readonly turns: number } | null;
  /** Whether turns had to be taken from the multiply-adds that are needed: {@link fromNeed}. */
  readonly isEstimated: boolean;
}

/** A loop of the program, or the program itself, with its turns as far as they are known. */
interface Turned {
  readonly region: Region;
  readonly turns: number | undefined;
  readonly loops: readonly Turned[];
}

/** More ways are not compared. */
const MAX_WAYS = 2000;
/** Means of turns are rounded. */
const SLACK = 0.999;

/**
 * @param loops of the text
 * @param needed multiply-adds of one wave, at the least
 * @returns `null` where the program's loops are not those of the text, or do not do what is needed
 */
export function fromText(body: Region, loops: readonly Loop[], needed: number): Counted | null {
  let best: Counted | null = null;
  for (const found of matches(loops, body.loops)) {
    if (found.some(isOpen)) continue;
    const way = counted({ region: body, turns: 1, loops: found }, false);
    const enough = allMultiplyAdds(way.total) >= SLACK * needed;
    if (enough && (!best || allMultiplyAdds(way.total) < allMultiplyAdds(best.total))) best = way;
  }
  return best;
}

/** What the text says, in the way that does most multiply-adds; `null` where it does not say all turns. */
export function mostOfText(body: Region, loops: readonly Loop[]): Counted | null {
  const known = matches(loops, body.loops).filter((found) => !found.some(isOpen));
  const ways = known.map((found) => counted({ region: body, turns: 1, loops: found }, false));
  const [most = null] = ways.sort((a, b) => allMultiplyAdds(b.total) - allMultiplyAdds(a.total));
  return most;
}

/**
 * The turns that the text does not say are those that make up the multiply-adds needed, all of them in the loop that
 * does most, a part of a turn where they do not divide. Edges cost nothing in this way, and of several ways to see the
 * loops the cheapest is taken: it flatters.
 */
export function fromNeed(body: Region, loops: readonly Loop[], needed: number): Counted {
  const ways = matches(loops, body.loops).map((found) => withNeed(body, found, needed));
  const enough = ways.filter(({ total }) => allMultiplyAdds(total) >= SLACK * needed);
  const [best] = enough.sort((a, b) => a.total.capacity - b.total.capacity);
  return best ?? { ...withNeed(body, body.loops.map(unknown), needed), isEstimated: true };
}

/** Gives the loop of unknown turns that does most what is left to do; the others turn once. */
function withNeed(body: Region, loops: readonly Turned[], needed: number): Counted {
  const root: Turned = { region: body, turns: 1, loops };
  const hot = openLoops(root).reduce((most, loop) => (most.own >= loop.own ? most : loop), NONE);
  if (!hot.loop || hot.own === 0) return counted(root, loops.some(isOpen));
  const once = allMultiplyAdds(counted(root, true).total);
  const turns = Math.max(1, 1 + (needed - once) / (hot.times * hot.own));
  return counted(withTurns(root, hot.loop, turns), true);
}

const unknown = (region: Region): Turned => ({ region, turns: undefined, loops: region.loops.map(unknown) });
const isOpen = ({ turns, loops }: Turned): boolean => turns === undefined || loops.some(isOpen);

/** All ways, outermost loops in order. */
function matches(text: readonly Loop[], regions: readonly Region[]): Turned[][] {
  const [loop, ...rest] = text;
  const [region, ...others] = regions;
  if (!loop) return region ? [] : [[]];
  const ways: Turned[][] = [];
  if (region) {
    for (const loops of matches(loop.loops, region.loops))
      for (const behind of matches(rest, others)) {
        if (ways.length >= MAX_WAYS) return ways;
        ways.push([{ region, turns: loop.turns, loops }, ...behind]);
      }
  }
  if (loop.fixed) ways.push(...matches([...writtenOut(loop), ...rest], regions).slice(0, MAX_WAYS - ways.length));
  return ways;
}

/** What is left of a loop whose body is written out: its loops that no compiler knows, once for each turn. */
function writtenOut({ turns = 1, loops }: Loop): Loop[] {
  const kept = loops.filter(hasUnknown);
  return kept.length === 0 ? [] : Array.from({ length: Math.min(turns, 16) }, () => kept).flat();
}
const hasUnknown = ({ fixed, loops }: Loop): boolean => !fixed || loops.some(hasUnknown);

interface OpenLoop {
  readonly loop: Turned | null;
  /** Multiply-adds of one turn, inner loops included. */
  readonly own: number;
  /** Turns of the loops around it. */
  readonly times: number;
}

const NONE: OpenLoop = { loop: null, own: 0, times: 1 };

/** Loops of unknown turns that hold no other such. */
function openLoops({ loops }: Turned, times = 1): OpenLoop[] {
  return loops.flatMap((loop) => {
    const inner = openLoops(loop, times * (loop.turns ?? 1));
    if (loop.turns !== undefined || inner.some(({ own }) => own > 0)) return inner;
    return [{ loop, times, own: allMultiplyAdds(totalOf(loop)) }];
  });
}

const withTurns = (turned: Turned, loop: Turned, turns: number): Turned => ({
  ...turned,
  turns: turned === loop ? turns : turned.turns,
  loops: turned.loops.map((inner) => withTurns(inner, loop, turns)),
});

/** One turn of a loop, all turns of those in it. */
const totalOf = ({ region, loops }: Turned): Mix =>
  addMixes([[region.mix, 1], ...loops.map((loop) => [totalOf(loop), loop.turns ?? 1] as const)]);

function counted(root: Turned, isEstimated: boolean): Counted {
  let hottest: Counted['hottest'] = null;
  let most = 0;
  const visit = ({ region, turns = 1, loops }: Turned, times: number): void => {
    const work = allMultiplyAdds(region.mix) * turns * times;
    if (work > most) {
      most = work;
      hottest = { mix: region.mix, turns: turns * times };
    }
    for (const loop of loops) visit(loop, times * turns);
  };
  for (const loop of root.loops) visit(loop, 1);
  return { total: totalOf(root), hottest, isEstimated };
}
