/**
 * Reads what Mesa's AMD driver prints with `RADV_DEBUG=shaderstats,asm`: assembly of a compute shader, then statistics.
 *
 * Counted are the slots of the vector unit (`v_…`); scalar and memory instructions are issued beside it. A packed or a
 * dual instruction takes one slot and can do two multiply-adds in each lane.
 */
import { type BackEdge, type Instruction, type InstructionKind, nestLoops, type Program } from './program.js';

const INSTRUCTION = /^\t([a-z]\w*)\s*([^;]*)/;
const LABEL = /^(BB\d+):/;
const BRANCH = /^s_c?branch/;
const MULTIPLY_ADD =
  /^v_(?:pk_|dual_)?(?:fma|fmac|mad|mac|fmaak|fmamk|madak|madmk|(?:fma|mad)_mix(?:lo|hi)?)_(?:legacy_)?f(?:16|32)/;
const DOT_PRODUCT = /^v_(?:dual_)?dot2/;
const MULTIPLY = /^v_(?:pk_|dual_)?mul_f(?:16|32)/;
const ADD = /^v_(?:pk_|dual_)?(?:add|sub|subrev)_f(?:16|32)/;
const MOVE = /^v_(?:dual_)?(?:mov|readlane|readfirstlane|writelane|accvgpr|permlane|swap)/;
const MEMORY = /^(?:buffer|global|flat|scratch|image|ds|s_load|s_buffer_load)_/;
const WAIT = /^s_(?:wait|nop|delay|clause|sleep)/;

/** @param invocations of a workgroup: RADV takes waves of 32 where no more are needed */
export function readAmd(text: string, invocations: number): Program | null {
  const code = text.slice(Math.max(0, text.lastIndexOf('disasm:')));
  const statistic = (name: string): number =>
    Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(code)?.[1] ?? Number.NaN);
  const registers = statistic('VGPRs');
  if (Number.isNaN(registers)) return null;
  const lines: { opcode: string; operands: string }[] = [];
  const labels = new Map<string, number>();
  for (const line of code.split('\n')) {
    const [, label] = LABEL.exec(line) ?? [];
    if (label !== undefined) labels.set(label, lines.length);
    const [, opcode, operands = ''] = INSTRUCTION.exec(line) ?? [];
    if (opcode !== undefined) lines.push({ opcode, operands: operands.trim() });
  }
  const edges: BackEdge[] = [];
  for (const [end, { opcode, operands }] of lines.entries()) {
    const start = BRANCH.test(opcode) ? labels.get(operands) : undefined;
    if (start !== undefined && start <= end) edges.push({ start, end });
  }
  const lanes = waveSize(code, invocations);
  return {
    lanes,
    slotLanes: lanes,
    registers,
    spills: statistic('Spilled VGPRs') + statistic('Spilled SGPRs'),
    scratchBytes: statistic('Scratch size'),
    occupancy: statistic('Subgroups per SIMD'),
    body: nestLoops(
      lines.map((line) => instructionOf(line.opcode, line.operands, lanes)),
      edges,
    ),
  };
}

/** The mask of lanes is one scalar register for waves of 32 and two for waves of 64. */
function waveSize(code: string, invocations: number): 32 | 64 {
  if (/\b(?:exec|vcc)_lo\b/.test(code) && !/_b64 (?:exec|vcc)\b/.test(code)) return 32;
  return /_b64 (?:exec|vcc)\b|\bvcc\b/.test(code) || invocations > 32 ? 64 : 32;
}

function instructionOf(opcode: string, operands: string, lanes: number): Instruction {
  const [, second = ''] = operands.split(' :: ');
  const halves = [opcode, ...(second === '' ? [] : [second])];
  const isPacked = opcode.startsWith('v_pk_');
  const per = (name: string): number => (DOT_PRODUCT.test(name) ? 2 : MULTIPLY_ADD.test(name) ? (isPacked ? 2 : 1) : 0);
  const multiplyAdds = halves.reduce((total, name) => total + per(name), 0);
  const kind = multiplyAdds > 0 ? 'multiplyAdd' : kindOf(opcode);
  const slots = opcode.startsWith('v_') ? 1 : 0;
  const width = isPacked || halves.length > 1 || DOT_PRODUCT.test(opcode) ? 2 : 1;
  const half = MULTIPLY.test(opcode) ? 'multiply' : ADD.test(opcode) ? 'add' : undefined;
  return {
    kind,
    slots,
    multiplyAdds: multiplyAdds * lanes,
    capacity: slots * width * lanes,
    idle: 0,
    ...(half ? { half } : {}),
  };
}

function kindOf(opcode: string): InstructionKind {
  if (MOVE.test(opcode)) return 'move';
  if (opcode.startsWith('v_')) return 'vector';
  if (MEMORY.test(opcode)) return 'memory';
  return WAIT.test(opcode) ? 'wait' : 'scalar';
}
