/** The lab's reports as text. */
import { table } from '../../cli/terminal.js';
import type { FamilyReport, KernelReport, Totals } from './account.js';

const HEADINGS = [
  'kernel',
  'n',
  'lanes',
  'regs',
  'spills',
  'occ',
  'loop: mad/vector/move/memory/scalar',
  'turns',
  'loop',
  'edges',
  'share',
  '% of all',
  'issue ms',
  'bytes ms',
];

/** One line for each pipeline, then the network. */
export function familyLines(report: FamilyReport): string[] {
  const { family, adapter, subgroup, device, kernels, total, spilling, dispatchMs, leastNeeded } = report;
  const rows = kernels.map((kernel) => kernelRow(kernel, total));
  const where = device ? `${device.name} (${device.source})` : 'no device in the table';
  const share = report.hasLayers
    ? `useful ${total.share.toFixed(3)} of what is issued (${total.slotShare.toFixed(3)} with idle lanes${least(total, leastNeeded)})`
    : "its dispatches are not the network's layers (--arch, --batch), so only loops can be judged";
  return [
    `${family}: ${adapter}, subgroups of ${subgroup.join(' to ')}; times for ${where}`,
    ...table([HEADINGS, ...rows]),
    `${family}: ${share}, ${spilling} of ${kernels.length} pipelines spill, ${total.dispatches} dispatches, ${(total.needed / 1e9).toFixed(3)} G multiply-adds of ${(total.capacity / 1e9).toFixed(2)} G issued` +
      (device
        ? `; at least ${ms(total.issueMs)} ms by issue slots, ${ms(total.bytesMs)} by bytes, ${ms(dispatchMs)} by dispatches; together ${ms(total.estimateMs + dispatchMs)} ms`
        : ''),
  ];
}

const least = ({ capacity }: Totals, needed: number | null): string =>
  needed === null
    ? ''
    : `; ${(needed / capacity).toFixed(3)} by the ${(needed / 1e9).toFixed(3)} G that pooling first needs`;

function kernelRow(kernel: KernelReport, total: Totals): (string | number)[] {
  const { kinds } = kernel.loop;
  const mix = [kinds.multiplyAdd, kinds.vector, kinds.move, kinds.memory, kinds.scalar];
  const [least, most] = kernel.turns.map(Math.round);
  const isConvolution = kernel.needed > 0;
  return [
    kernel.label,
    kernel.dispatches,
    kernel.lanes,
    kernel.registers,
    kernel.spills + (kernel.scratchBytes > 0 && kernel.spills === 0 ? kernel.scratchBytes : 0),
    kernel.occupancy === null ? '–' : kernel.occupancy,
    mix.join('/'),
    `${kernel.isEstimated ? '~' : ''}${least === most ? least : `${least}–${most}`}`,
    kernel.loopShare.toFixed(2),
    isConvolution ? (kernel.needed / kernel.done).toFixed(2) : '–',
    isConvolution ? kernel.share.toFixed(2) : '–',
    ((100 * (kernel.capacity + kernel.idle)) / (total.capacity + total.idle)).toFixed(1),
    kernel.issueMs.toFixed(3),
    kernel.bytesMs.toFixed(3),
  ];
}

const ms = (value: number): string => value.toFixed(2);

export const LEGEND: readonly string[] = [
  'n: dispatches. Loop: instructions of one turn of the loop with most multiply-adds, and the share of what it issues that they are.',
  'Edges: multiply-adds needed by those done, norms and lanes beyond an edge included. Share: multiply-adds needed by those that all',
  'instructions of all dispatches could have done in the lanes that they serve. ~: turns taken from the multiply-adds needed, which',
  'flatters.',
];
