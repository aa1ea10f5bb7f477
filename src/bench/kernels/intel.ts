/**
 * Reads what Mesa's Intel driver prints with `INTEL_DEBUG=cs`: statistics and assembly of a compute shader.
 *
 * Every instruction but `sync` is counted, by its execution size: `mad(16)` could do 16 multiply-adds, `mov(1)` one. An
 * instruction narrower than the hardware's vector unit takes a clock of it all the same; the lanes left over are idle.
 */
import { type BackEdge, type Instruction, type InstructionKind, nestLoops, type Program } from './program.js';

const STATISTICS = /SIMD(\d+) shader: \d+ instructions\. .*?(\d+):(\d+) spills:fills/;
const SCRATCH = /scratch: (\d+)/;
/** An optional predicate, the opcode with its conditions, the execution size, the operands. */
const INSTRUCTION = /^(?:\([^)]*\)\s*)?([a-z][a-z0-9]*)[a-z0-9_.]*(?: [a-z]+)?\((\d+)\)\s*(.*)$/;
const LABEL = /^(LABEL\d+):/;
const FLOAT_RESULT = /^\S+<[^>]*>H?F\b/;

/** @param native lanes of the vector unit @returns `null` where the text holds no compute shader */
export function readIntel(text: string, native: number): Program | null {
  const code = text.slice(Math.max(0, text.lastIndexOf('Native code for')));
  const [, lanes = '', spills = '', fills = ''] = STATISTICS.exec(code) ?? [];
  if (lanes === '') return null;
  const lines: { opcode: string; size: number; operands: string }[] = [];
  const labels = new Map<string, number>();
  for (const line of code.split('\n')) {
    const [, label] = LABEL.exec(line) ?? [];
    if (label !== undefined) labels.set(label, lines.length);
    const [, opcode, size, operands = ''] = INSTRUCTION.exec(line) ?? [];
    if (opcode !== undefined) lines.push({ opcode, size: Number(size), operands });
  }
  const edges: BackEdge[] = [];
  for (const [end, { opcode, operands }] of lines.entries()) {
    const [, target = ''] = opcode === 'while' ? (/JIP:\s*(LABEL\d+)/.exec(operands) ?? []) : [];
    const start = labels.get(target);
    if (start !== undefined && start <= end) edges.push({ start, end });
  }
  const width = Math.min(Number(lanes), Math.max(...lines.map(({ opcode, size }) => (isSend(opcode) ? 0 : size))));
  const instructions = lines.map(({ opcode, size, operands }) =>
    instructionOf(opcode, size, operands, { width, native }),
  );
  return {
    lanes: Number(lanes),
    slotLanes: width,
    registers: 1 + Math.max(...[...code.matchAll(/\bg(\d+)/g)].map(([, register]) => Number(register))),
    spills: Number(spills) + Number(fills),
    scratchBytes: Number(SCRATCH.exec(text)?.[1] ?? 0),
    occupancy: null,
    body: nestLoops(instructions, edges),
  };
}

const isSend = (opcode: string): boolean => opcode.startsWith('send');

interface Widths {
  /** Of the widest instruction. */
  readonly width: number;
  readonly native: number;
}

function instructionOf(opcode: string, size: number, operands: string, { width, native }: Widths): Instruction {
  const kind = kindOf(opcode, operands);
  const isCounted = kind !== 'wait';
  const taken = isCounted ? Math.max(size, native) : 0;
  const half = FLOAT_RESULT.test(operands) && (opcode === 'mul' ? 'multiply' : opcode === 'add' ? 'add' : undefined);
  return {
    kind,
    slots: taken / width,
    multiplyAdds: kind === 'multiplyAdd' ? size : 0,
    capacity: isCounted ? size : 0,
    idle: isCounted ? taken - size : 0,
    ...(half ? { half } : {}),
  };
}

function kindOf(opcode: string, operands: string): InstructionKind {
  if (opcode === 'sync') return 'wait';
  if (isSend(opcode)) return 'memory';
  if (opcode === 'mov') return 'move';
  return (opcode === 'mad' || opcode === 'mac') && FLOAT_RESULT.test(operands) ? 'multiplyAdd' : 'vector';
}
