/** What the kernel lab reads in the drivers' output: short excerpts, counted by hand. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readAdreno } from '../../src/bench/kernels/adreno.js';
import { readAmd } from '../../src/bench/kernels/amd.js';
import { readIntel } from '../../src/bench/kernels/intel.js';
import { type Instruction, nestLoops } from '../../src/bench/kernels/program.js';

const excerpt = (name: string): string =>
  readFileSync(new URL(`../fixtures/kernels/${name}.txt`, import.meta.url), 'utf8');

describe('the output of the Intel driver', () => {
  const program = readIntel(excerpt('intel'), 8);

  it('gives the width, the registers and the spills', () => {
    expect(program).toMatchObject({ lanes: 16, slotLanes: 16, registers: 127, spills: 8 });
  });

  it('has one loop, whose instructions count by their execution size; sync and integer mad are no multiply-adds', () => {
    const [loop, ...others] = program?.body.loops ?? [];
    expect(others).toEqual([]);
    expect(loop?.mix.kinds).toEqual({ multiplyAdd: 3, vector: 5, move: 0, memory: 1, scalar: 0, wait: 0 });
    // Eight of 16 lanes, and a send of 8.
    expect(loop?.mix).toMatchObject({ multiplyAdds: 48, capacity: 136, idle: 0, slots: 8.5 });
  });

  it('has the rest outside the loop, with lanes left idle by what is narrower than the hardware', () => {
    expect(program?.body.mix).toMatchObject({ capacity: 8 + 16 + 16 + 16 + 16, multiplies: 16, adds: 16 });
    expect(program?.body.mix.kinds).toMatchObject({ move: 2, wait: 1, memory: 1 });
    // mov(8) leaves 8 of 16 lanes idle on Xe2.
    expect(readIntel(excerpt('intel'), 16)?.body.mix.idle).toBe(8);
  });

  it('without a compute shader gives null', () => {
    expect(readIntel('Unknown DRM_IOCTL_I915_GET_PARAM 58', 8)).toBeNull();
  });
});

describe('the output of the AMD driver', () => {
  const program = readAmd(excerpt('amd'), 64);

  it('gives the wave, the registers, the spills, the scratch memory and the occupancy', () => {
    expect(program).toMatchObject({ lanes: 64, registers: 60, spills: 3, scratchBytes: 48, occupancy: 24 });
  });

  it('counts vector instructions; packed and dual ones take one slot and could do two multiply-adds', () => {
    const [loop, ...others] = program?.body.loops ?? [];
    expect(others).toEqual([]);
    expect(loop?.mix.kinds).toEqual({ multiplyAdd: 4, vector: 4, move: 1, memory: 1, scalar: 3, wait: 1 });
    expect(loop?.mix).toMatchObject({ slots: 9, multiplyAdds: 64 * 5, capacity: 64 * 11, multiplies: 64, adds: 64 });
  });

  it('tells waves of 32 by their mask of lanes, or by a workgroup that needs no more', () => {
    const narrow = excerpt('amd').replace('s_mov_b64 vcc, exec', 's_mov_b32 vcc_lo, exec_lo');
    expect(readAmd(narrow, 64)?.lanes).toBe(32);
    const maskless = excerpt('amd').replace(/\ts_mov_b64 vcc.*\n/, '');
    expect([readAmd(maskless, 32)?.lanes, readAmd(maskless, 64)?.lanes]).toEqual([32, 64]);
  });

  it('without statistics gives null', () => {
    expect(readAmd('radv: could not create a device', 64)).toBeNull();
  });
});

describe('the output of the Adreno driver', () => {
  const program = readAdreno(excerpt('adreno'));

  it('gives the registers, halves counted as such, and what is stored in private memory', () => {
    expect(program).toMatchObject({ lanes: 64, registers: 21, spills: 1 });
  });

  it('counts repeats as instructions, delays as waits, and leaves the preamble out', () => {
    const [loop, ...others] = program?.body.loops ?? [];
    expect(others).toEqual([]);
    expect(loop?.mix.kinds).toEqual({ multiplyAdd: 5, vector: 1, move: 0, memory: 2, scalar: 2, wait: 5 });
    expect(loop?.mix).toMatchObject({ multiplyAdds: 5 * 64, capacity: 8 * 64 });
    expect(program?.body.mix).toMatchObject({ multiplyAdds: 0, multiplies: 64, adds: 64 });
  });
});

describe('loops', () => {
  const one: Instruction = { kind: 'vector', slots: 1, multiplyAdds: 0, capacity: 1, idle: 0 };

  it('are nested by their jumps back; two jumps to one place are one loop', () => {
    const body = nestLoops(
      Array.from({ length: 10 }, () => one),
      [
        { start: 1, end: 8 },
        { start: 1, end: 6 },
        { start: 3, end: 4 },
        { start: 5, end: 5 },
      ],
    );
    expect(body.mix.slots).toBe(2);
    expect(body.loops.map(({ mix }) => mix.slots)).toEqual([5]);
    expect(body.loops[0]?.loops.map(({ mix }) => mix.slots)).toEqual([2, 1]);
  });
});
