/** The loops that a compiler left in a program, matched with those of its text, and how often they turn. */
import { describe, expect, it } from 'vitest';
import { type Instruction, mixOf, type Region } from '../../src/bench/kernels/program.js';
import { fromNeed, fromText, mostOfText } from '../../src/bench/kernels/turns.js';
import type { Loop } from '../../src/bench/kernels/wgsl-loops.js';

const instructions = (count: number, multiplyAdds: number): Instruction[] =>
  Array.from({ length: count }, (_, i) => {
    const isDone = i < multiplyAdds;
    return { kind: isDone ? 'multiplyAdd' : 'vector', slots: 1, multiplyAdds: isDone ? 1 : 0, capacity: 1, idle: 0 };
  });
const region = (count: number, multiplyAdds: number, loops: readonly Region[] = []): Region => ({
  mix: mixOf(instructions(count, multiplyAdds)),
  loops,
});

describe('the loops of a program', () => {
  const written: Loop = { turns: 4, fixed: true, loops: [] };
  const long: Loop = { turns: 10, fixed: false, loops: [written] };

  it('are found in the text, and loops that the compiler wrote out are left out', () => {
    const counted = fromText(region(5, 0, [region(8, 4)]), [written, long, written], 40);
    expect(counted?.total).toMatchObject({ multiplyAdds: 40, capacity: 85 });
    expect(counted).toMatchObject({ isEstimated: false, hottest: { turns: 10 } });
  });

  it('may keep a loop whose turns are known: the fewest multiply-adds that suffice decide', () => {
    const body = region(0, 0, [region(2, 0, [region(3, 2)])]);
    expect(fromText(body, [long], 80)?.total).toMatchObject({ multiplyAdds: 80, capacity: 20 + 120 });
    const two = region(0, 0, [region(1, 1), region(1, 1)]);
    expect(fromText(two, [written, long, written], 14)?.total.multiplyAdds).toBe(14);
  });

  it('are not taken for those of the text when they do too little, or are of another number', () => {
    expect(fromText(region(5, 0, [region(8, 4)]), [long], 41)).toBeNull();
    expect(fromText(region(5, 0), [long], 0)).toBeNull();
    expect(fromText(region(5, 0, [region(8, 4), region(8, 4)]), [long], 0)).toBeNull();
  });

  it('do what the text says where its formula needs fewer multiply-adds than another', () => {
    const two: Loop = {
      turns: 10,
      fixed: false,
      loops: [
        { ...written, turns: 2 },
        { ...written, turns: 8 },
      ],
    };
    const body = region(0, 0, [region(0, 0, [region(6, 4)])]);
    expect(fromText(body, [two], 321)).toBeNull();
    expect(mostOfText(body, [two])?.total).toMatchObject({ multiplyAdds: 320, capacity: 480 });
    expect(mostOfText(body, [{ ...two, turns: undefined }])).toBeNull();
  });

  it('turn as often as the multiply-adds need where the text does not say', () => {
    const unknown: Loop = { turns: undefined, fixed: false, loops: [] };
    const counted = fromNeed(region(10, 0, [region(4, 0), region(8, 4)]), [unknown, unknown], 30);
    expect(counted).toMatchObject({ isEstimated: true, hottest: { turns: 7.5 } });
    expect(counted.total).toMatchObject({ multiplyAdds: 30, capacity: 10 + 4 + 7.5 * 8 });
  });

  it('of several ways to see unknown loops, turn in the way that issues least', () => {
    const text: Loop[] = [
      {
        turns: undefined,
        fixed: false,
        loops: [
          { ...written, turns: 2 },
          { ...written, turns: 8 },
        ],
      },
    ];
    const body = region(0, 0, [region(100, 0, [region(6, 4)])]);
    expect(fromNeed(body, text, 64).total).toMatchObject({ multiplyAdds: 64, capacity: 2 * (100 + 8 * 6) });
  });

  it('of unknown turns around loops of known ones turn so that all together do what is needed', () => {
    const outer: Loop = { turns: undefined, fixed: false, loops: [{ turns: 8, fixed: true, loops: [] }] };
    const body = region(0, 0, [region(5, 0, [region(6, 4)])]);
    expect(fromNeed(body, [outer], 96).total).toMatchObject({ multiplyAdds: 96, capacity: 3 * (5 + 8 * 6) });
  });
});
