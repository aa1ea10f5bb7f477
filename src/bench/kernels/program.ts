/** What a GPU driver's compiler made of one kernel, in a form that is the same for every vendor. */

/**
 * `multiplyAdd` in floats; `move` copies a number between registers or lanes; `vector` is any other instruction of the
 * vector unit; `memory` any load, store or message; `scalar` runs beside the vector unit; `wait` does nothing.
 */
export type InstructionKind = 'multiplyAdd' | 'vector' | 'move' | 'memory' | 'scalar' | 'wait';

/** One instruction of one wave (AMD, Adreno) or thread (Intel). */
export interface Instruction {
  readonly kind: InstructionKind;
  /** Share of an issue slot that it takes of the unit whose use is measured; 0 where another unit runs it. */
  readonly slots: number;
  /** Multiply-adds that it does, over all lanes. */
  readonly multiplyAdds: number;
  /** Multiply-adds that it could have done, over the lanes that it serves. */
  readonly capacity: number;
  /** Lanes of its slot that it leaves idle, being narrower. */
  readonly idle: number;
  /** Half of a multiply-add that the compiler left as two instructions. */
  readonly half?: 'multiply' | 'add';
}

/** Sums over instructions. */
export interface Mix {
  readonly kinds: Readonly<Record<InstructionKind, number>>;
  readonly slots: number;
  readonly multiplyAdds: number;
  readonly capacity: number;
  readonly idle: number;
  /** Separate multiplications and additions in floats, over all lanes. */
  readonly multiplies: number;
  readonly adds: number;
}

/** A loop, or the whole program: its own instructions, without those of the loops in it. */
export interface Region {
  readonly mix: Mix;
  readonly loops: readonly Region[];
}

export interface Program {
  /** Invocations of one wave or thread. */
  readonly lanes: number;
  /** Lanes that one issue slot serves. */
  readonly slotLanes: number;
  /** Registers of one wave or thread, in the vendor's own unit. */
  readonly registers: number;
  /** Registers written to memory for want of room. */
  readonly spills: number;
  /** Bytes of private memory that an invocation has, for spills and for arrays that an index reaches. */
  readonly scratchBytes: number;
  /** Waves that a vector unit holds at once; `null` where the driver does not say. */
  readonly occupancy: number | null;
  readonly body: Region;
}

/** A jump backwards: the instructions from `start` to `end`, both included, are a loop. */
export interface BackEdge {
  readonly start: number;
  readonly end: number;
}

const KINDS: readonly InstructionKind[] = ['multiplyAdd', 'vector', 'move', 'memory', 'scalar', 'wait'];

export function mixOf(instructions: readonly Instruction[]): Mix {
  const sum = (value: (instruction: Instruction) => number) => instructions.reduce((total, i) => total + value(i), 0);
  const count = (kind: InstructionKind) => instructions.filter((i) => i.kind === kind).length;
  return {
    kinds: {
      multiplyAdd: count('multiplyAdd'),
      vector: count('vector'),
      move: count('move'),
      memory: count('memory'),
      scalar: count('scalar'),
      wait: count('wait'),
    },
    slots: sum(({ slots }) => slots),
    multiplyAdds: sum(({ multiplyAdds }) => multiplyAdds),
    capacity: sum(({ capacity }) => capacity),
    idle: sum(({ idle }) => idle),
    multiplies: sum(({ half, capacity }) => (half === 'multiply' ? capacity : 0)),
    adds: sum(({ half, capacity }) => (half === 'add' ? capacity : 0)),
  };
}

/** Adds mixes up, each as often as its weight says. */
export function addMixes(parts: readonly (readonly [mix: Mix, weight: number])[]): Mix {
  const sum = (value: (mix: Mix) => number) => parts.reduce((total, [mix, weight]) => total + weight * value(mix), 0);
  const kinds = { multiplyAdd: 0, vector: 0, move: 0, memory: 0, scalar: 0, wait: 0 };
  for (const kind of KINDS) kinds[kind] = sum((mix) => mix.kinds[kind]);
  return {
    kinds,
    slots: sum(({ slots }) => slots),
    multiplyAdds: sum(({ multiplyAdds }) => multiplyAdds),
    capacity: sum(({ capacity }) => capacity),
    idle: sum(({ idle }) => idle),
    multiplies: sum(({ multiplies }) => multiplies),
    adds: sum(({ adds }) => adds),
  };
}

/** The multiply-adds of a mix, with those that are two instructions each. */
export const allMultiplyAdds = ({ multiplyAdds, multiplies, adds }: Mix): number =>
  multiplyAdds + Math.min(multiplies, adds);

/** Nests the loops of a program. Jumps back to the same instruction are one loop. */
export function nestLoops(instructions: readonly Instruction[], edges: readonly BackEdge[]): Region {
  const ends = new Map<number, number>();
  for (const { start, end } of edges) ends.set(start, Math.max(end, ends.get(start) ?? 0));
  const build = (from: number, to: number, self: number | null): Region => {
    const own: Instruction[] = [];
    const loops: Region[] = [];
    for (let at = from; at <= to; at++) {
      const end = at === self ? undefined : ends.get(at);
      const instruction = instructions[at];
      if (end !== undefined) {
        loops.push(build(at, end, at));
        at = end;
      } else if (instruction) own.push(instruction);
    }
    return { mix: mixOf(own), loops };
  };
  return build(0, instructions.length - 1, null);
}
