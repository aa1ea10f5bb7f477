/** What a GPU family's compiler makes of a network's kernels, counted over all dispatches with the turns of all loops. */
import { type DeviceRow, DISPATCH_MICROSECONDS, deviceOf } from '../devices.js';
import type { Compiled } from './compiler-process.js';
import { assignLayers } from './dump.js';
import { type Family, readProgram } from './families.js';
import type { Dispatch, Kernel } from './planned.js';
import { allMultiplyAdds, type Mix, type Program } from './program.js';
import { type Counted, fromNeed, fromText } from './turns.js';
import { type KernelLoops, kernelLoops } from './wgsl-loops.js';

/** Sums over dispatches. */
export interface Totals {
  readonly dispatches: number;
  /** Multiply-adds that the formulas need. */
  readonly needed: number;
  /** Multiply-adds that are done: in lanes beyond an edge, too, and those of norms. */
  readonly done: number;
  /** Multiply-adds that the instructions could have done in the lanes that they serve. */
  readonly capacity: number;
  /** Lanes that instructions narrower than the vector unit leave idle. */
  readonly idle: number;
  /** `needed` / `capacity`. */
  readonly share: number;
  /** The same with the idle lanes counted: `needed` / (`capacity` + `idle`). */
  readonly slotShare: number;
  /** Milliseconds by issue slots, whole waves on each unit; 0 without a device. */
  readonly issueMs: number;
  /** Milliseconds by the bytes bound, each once; 0 where they or the device are not known. */
  readonly bytesMs: number;
  /** The longer of the two for each dispatch. */
  readonly estimateMs: number;
}

/** A pipeline, over its dispatches. */
export interface KernelReport extends Totals {
  readonly label: string;
  readonly lanes: number;
  readonly registers: number;
  readonly spills: number;
  readonly scratchBytes: number;
  readonly occupancy: number | null;
  /** Of the loop with most multiply-adds, one turn; the whole program where there is no loop. */
  readonly loop: Mix;
  /** Multiply-adds of that loop by what its slots could do. */
  readonly loopShare: number;
  /** Turns of that loop, the fewest and the most of a dispatch. */
  readonly turns: readonly [least: number, most: number];
  /** Whether turns were not in the text and were taken from the multiply-adds needed. */
  readonly isEstimated: boolean;
}

export interface FamilyReport {
  readonly family: string;
  readonly adapter: string;
  readonly subgroup: readonly [min: number, max: number];
  readonly device: DeviceRow | null;
  /** Whether it is known which layers the dispatches are, and so what is needed. */
  readonly hasLayers: boolean;
  readonly kernels: readonly KernelReport[];
  readonly total: Totals;
  /** Pipelines whose registers spill. */
  readonly spilling: number;
  /** By dispatches alone. */
  readonly dispatchMs: number;
}

/**
 * @param layers multiply-adds of the network's layers, where the dispatches do not say theirs (a peer's dump)
 * @throws Error when a kernel was not compiled
 */
export function account(family: Family, compiled: Compiled, layers?: readonly number[]): FamilyReport {
  const { adapter, subgroup } = compiled;
  const device = deviceOf(family.name);
  const programs = compiled.work.kernels.map((kernel, i) => programOf(family, kernel, i, compiled));
  const assigned = layers ? assignLayers(compiled.work, programs, layers) : compiled.work;
  const work = assigned ?? compiled.work;
  const kernels = work.kernels.flatMap((kernel, i) => {
    const program = programs[i];
    const dispatches = work.dispatches.filter((dispatch) => dispatch.kernel === i);
    return program ? [kernelReport(family, kernel, program, dispatches)] : [];
  });
  return {
    family: family.name,
    adapter,
    subgroup,
    device: device ?? null,
    hasLayers: assigned !== null,
    kernels,
    total: sum(kernels),
    spilling: kernels.filter(({ spills }) => spills > 0).length,
    dispatchMs: (work.dispatches.length * DISPATCH_MICROSECONDS) / 1000,
  };
}

function programOf(family: Family, kernel: Kernel, index: number, { failures, outputs }: Compiled): Program {
  const failure = failures[index];
  if (failure) throw new Error(`${family.name} does not compile ${kernel.label}: ${failure}`);
  const output = outputs[index] ?? '';
  const program = readProgram(family, output, kernelLoops({ ...kernel, params: {} }).invocations);
  if (!program) throw new Error(`${family.name} printed no code of ${kernel.label}: ${output.slice(0, 200)}`);
  return program;
}

function kernelReport(family: Family, kernel: Kernel, program: Program, dispatches: readonly Dispatch[]): KernelReport {
  const textOf = ({ params, workgroups }: Dispatch): KernelLoops =>
    kernelLoops({ ...kernel, params: params ?? {}, workgroups });
  const counted = dispatches.map((dispatch) => countDispatch(program, dispatch, textOf(dispatch)));
  const hottest = counted.flatMap(({ counts }) => (counts.hottest ? [counts.hottest] : []));
  const turns = hottest.map((loop) => loop.turns);
  const loop = hottest[0]?.mix ?? program.body.mix;
  return {
    label: kernel.label,
    lanes: program.lanes,
    registers: program.registers,
    spills: program.spills,
    scratchBytes: program.scratchBytes,
    occupancy: program.occupancy,
    loop,
    loopShare: loop.capacity > 0 ? loop.multiplyAdds / loop.capacity : 0,
    turns: turns.length > 0 ? [Math.min(...turns), Math.max(...turns)] : [1, 1],
    isEstimated: counted.some(({ counts }) => counts.isEstimated),
    ...sum(counted.map(({ waves, counts }, i) => totalsOf(family, program, dispatches[i], waves, counts))),
  };
}

interface CountedDispatch {
  readonly waves: number;
  readonly counts: Counted;
}

function countDispatch(program: Program, { workgroups, macs }: Dispatch, text: KernelLoops): CountedDispatch {
  const [x, y, z] = workgroups;
  const waves = x * y * z * Math.ceil(text.invocations / program.lanes);
  const needed = macs / waves;
  const counts = fromText(program.body, text.loops, needed) ?? fromNeed(program.body, text.loops, needed);
  return { waves, counts };
}

function totalsOf(
  { name }: Family,
  program: Program,
  dispatch: Dispatch | undefined,
  waves: number,
  { total }: Counted,
): Totals {
  const device = deviceOf(name);
  const needed = dispatch?.macs ?? 0;
  const capacity = waves * total.capacity;
  let issueMs = 0;
  if (device) {
    const { units, lanes, gigahertz } = device.chip;
    const cycles = total.slots * Math.max(1, program.slotLanes / lanes);
    issueMs = (Math.ceil(waves / units) * cycles) / (gigahertz * 1e6);
  }
  const bytesMs = device ? (dispatch?.bytes ?? 0) / (device.gigabytesPerSecond * 1e6) : 0;
  return {
    dispatches: 1,
    needed,
    done: waves * allMultiplyAdds(total),
    capacity,
    idle: waves * total.idle,
    share: needed / capacity,
    slotShare: needed / (capacity + waves * total.idle),
    issueMs,
    bytesMs,
    estimateMs: Math.max(issueMs, bytesMs),
  };
}

function sum(parts: readonly Totals[]): Totals {
  const add = (field: keyof Totals) => parts.reduce((total, part) => total + part[field], 0);
  const needed = add('needed');
  const capacity = add('capacity');
  const idle = add('idle');
  return {
    dispatches: add('dispatches'),
    needed,
    done: add('done'),
    capacity,
    idle,
    share: capacity > 0 ? needed / capacity : 0,
    slotShare: capacity > 0 ? needed / (capacity + idle) : 0,
    issueMs: add('issueMs'),
    bytesMs: add('bytesMs'),
    estimateMs: add('estimateMs'),
  };
}
