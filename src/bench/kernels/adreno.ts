/**
 * Reads what Mesa's Adreno driver prints with `IR3_SHADER_DEBUG=cs,disasm`: assembly of a compute shader, then statistics.
 *
 * An instruction with `(rptN)` is issued N + 1 times. Delay slots (`nop`, `(nopN)`) are waits: other waves may run in
 * them. The preamble, which one wave runs for all, is left out.
 */
import { type BackEdge, type Instruction, type InstructionKind, nestLoops, type Program } from './program.js';

const PREFIX = /^MESA: info: ?/;
const LABEL = /^(l\d+):/;
const INSTRUCTION = /^((?:\([a-z0-9]+\)\s*)*)([a-z][\w.]*)\s*(.*)$/;
const JUMP = /^(?:jump|br\w*)$/;
const MEMORY = /^(?:isam|sam|ld|st|resinfo|atomic|getinfo|gather)/;
const CONTROL = /^(?:jump|br|pred|end|chmask|shps|shpe|getone|lock|unlock|bar|fence|sleep|kill)/;
/** Of 64 fibres; waves of 128 are for workgroups that fill them. */
const LANES = 64;

/** @returns `null` where the text holds no compute shader */
export function readAdreno(text: string): Program | null {
  const code = text.slice(Math.max(0, text.lastIndexOf('Native code for')));
  const [, half = '0', full] = /(\d+) half, (\d+) full/.exec(code) ?? [];
  if (full === undefined) return null;
  const lines: { flags: string; opcode: string; operands: string }[] = [];
  const labels = new Map<string, number>();
  for (const raw of code.split('\n')) {
    const line = raw.replace(PREFIX, '').trim();
    const [, label] = LABEL.exec(line) ?? [];
    if (label !== undefined) labels.set(label, lines.length);
    const [, flags = '', opcode, operands = ''] = INSTRUCTION.exec(line) ?? [];
    if (opcode === 'shpe') {
      lines.length = 0;
      labels.clear();
    } else if (opcode !== undefined && PREFIX.test(raw) && !line.endsWith(':')) lines.push({ flags, opcode, operands });
    if (opcode === 'end') break;
  }
  const edges: BackEdge[] = [];
  for (const [end, { opcode, operands }] of lines.entries()) {
    const [, target = ''] = JUMP.test(opcode) ? (/#(l\d+)/.exec(operands) ?? []) : [];
    const start = labels.get(target);
    if (start !== undefined && start <= end) edges.push({ start, end });
  }
  return {
    lanes: LANES,
    slotLanes: LANES,
    registers: Number(full) + Math.ceil(Number(half) / 2),
    spills: lines.filter(({ opcode }) => /^(?:ldp|stp)\b/.test(opcode)).length,
    scratchBytes: 0,
    occupancy: null,
    body: nestLoops(lines.flatMap(instructionsOf), shifted(edges, lines)),
  };
}

/** What is issued for one line. */
function instructionsOf({ flags, opcode }: { flags: string; opcode: string }): Instruction[] {
  const repeats = 1 + Number(/\(rpt(\d+)\)/.exec(flags)?.[1] ?? 0);
  const delay = Number(/\(nop(\d+)\)/.exec(flags)?.[1] ?? 0);
  const kind = kindOf(opcode);
  const counts = kind === 'wait' || kind === 'scalar' ? 0 : 1;
  const half = /^mul\.f/.test(opcode) ? 'multiply' : /^add\.f/.test(opcode) ? 'add' : undefined;
  const instruction: Instruction = {
    kind,
    slots: counts,
    multiplyAdds: kind === 'multiplyAdd' ? LANES : 0,
    capacity: counts * LANES,
    idle: 0,
    ...(half ? { half } : {}),
  };
  const wait: Instruction = { kind: 'wait', slots: 0, multiplyAdds: 0, capacity: 0, idle: 0 };
  return [...Array.from({ length: repeats }, () => instruction), ...Array.from({ length: delay }, () => wait)];
}

function kindOf(opcode: string): InstructionKind {
  if (opcode === 'nop') return 'wait';
  if (/^mad\.f/.test(opcode)) return 'multiplyAdd';
  if (MEMORY.test(opcode)) return 'memory';
  if (CONTROL.test(opcode)) return 'scalar';
  return /^(?:mov|cov|swz|movmsk|brcst|shfl)/.test(opcode) ? 'move' : 'vector';
}

/** Edges between lines as edges between what is issued for them. */
function shifted(edges: readonly BackEdge[], lines: readonly { flags: string; opcode: string }[]): BackEdge[] {
  const firsts: number[] = [];
  let at = 0;
  for (const line of lines) {
    firsts.push(at);
    at += instructionsOf(line).length;
  }
  firsts.push(at);
  return edges.map(({ start, end }) => ({ start: firsts[start] ?? 0, end: (firsts[end + 1] ?? at) - 1 }));
}
