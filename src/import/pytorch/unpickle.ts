/**
 * A data-only reader of Python pickles, protocols 0 to 5: the opcodes of `pickletools`, with `globals.ts` deciding what
 * names may stand for. Time and memory are linear in the pickle's length and bounded; nothing in it is executed.
 */
import type { Budget } from '../budget.js';
import type { ByteCursor } from './cursor.js';
import { call, instantiate, persistentLoad, resolveGlobal } from './globals.js';
import { Instance, type PickleValue } from './values.js';

/** Ten bytes hold torch's magic number; longer integers are nothing that a checkpoint needs. */
const MAX_INTEGER_BYTES = 16;
/** DenseNet-264 saved as a whole module with its optimiser takes about half (a module's tensor 104, a dict's 35). */
const MAX_INSTRUCTIONS = 500_000;
/** Dicts and records, of which one byte makes 200 in memory. A whole module has 14 to a tensor, a state dict 3. */
const MAX_OBJECTS = 100_000;

/**
 * Reads one pickle and leaves the cursor behind its STOP.
 *
 * @throws ModelFormatError for a malformed, truncated or forbidden one
 */
export function unpickle(cursor: ByteCursor, budget: Budget): PickleValue {
  const machine = new Machine(cursor, budget);
  for (let count = 0; count < MAX_INSTRUCTIONS; count++) {
    const code = cursor.u8();
    if (code === STOP) return machine.pop();
    const operation = OPERATIONS.get(code);
    if (!operation) throw cursor.fail(`opcode 0x${code.toString(16)} is unknown or not allowed`);
    operation(machine, cursor);
  }
  throw cursor.fail(`more than ${MAX_INSTRUCTIONS} instructions`);
}

class Machine {
  readonly #stack: PickleValue[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  readonly #cursor: ByteCursor;
  #objects = 0;

  constructor(
    cursor: ByteCursor,
    readonly budget: Budget,
  ) {
    this.#cursor = cursor;
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }

  /** Pushes an object that has just been made. */
  make(value: PickleValue): void {
    if (++this.#objects > MAX_OBJECTS) throw this.#cursor.fail(`more than ${MAX_OBJECTS} objects`);
    this.push(value);
  }

  pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || this.#stack.length < (this.#marks.at(-1) ?? 0))
      throw this.#cursor.fail('its stack is empty');
    return value;
  }

  top(): PickleValue {
    const value = this.pop();
    this.push(value);
    return value;
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  /** Everything above the last mark, which is removed. */
  popMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#cursor.fail('a mark is missing');
    return this.#stack.splice(mark);
  }

  popList(): PickleValue[] {
    const value = this.pop();
    if (!Array.isArray(value)) throw this.#cursor.fail('a tuple is missing');
    return value;
  }

  popText(): string {
    const value = this.pop();
    if (typeof value !== 'string') throw this.#cursor.fail('a text is missing');
    return value;
  }

  remember(index = this.#memo.size): void {
    this.#memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#cursor.fail(`memo ${index} is empty`);
    this.push(value);
  }

  /** Adds key, value, key, value … to the dict (or dict-like object) on top. */
  setItems(pairs: readonly PickleValue[]): void {
    const target = this.top();
    const entries = target instanceof Instance ? target.entries : target;
    if (!(entries instanceof Map) || pairs.length % 2 !== 0) throw this.#cursor.fail('items are set on no dict');
    for (let i = 0; i < pairs.length; i += 2) entries.set(pairs[i] ?? null, pairs[i + 1] ?? null);
  }

  /** Adds to the list, set or list-like object on top. */
  append(values: readonly PickleValue[]): void {
    const target = this.top();
    const items = target instanceof Instance ? target.items : target;
    if (!Array.isArray(items)) throw this.#cursor.fail('items are appended to no list');
    for (const value of values) items.push(value);
  }

  /** State goes to records; an OrderedDict's attributes (`_metadata`) and a tensor's hooks are of no use. */
  build(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof Instance) target.state = state;
  }
}

type Operation = (machine: Machine, cursor: ByteCursor) => void;

const STOP = 0x2e;

const constant =
  (value: PickleValue): Operation =>
  (machine) =>
    machine.push(value);

const global: Operation = (machine, cursor) => machine.push(resolveGlobal(cursor.line(), cursor.line()));

const tuple =
  (length: number): Operation =>
  (machine) => {
    const items = Array.from({ length }, () => machine.pop());
    machine.push(items.reverse());
  };

const dict: Operation = (machine) => {
  const pairs = machine.popMark();
  machine.make(new Map());
  machine.setItems(pairs);
};

const setItem: Operation = (machine) => {
  const value = machine.pop();
  machine.setItems([machine.pop(), value]);
};

const stackGlobal: Operation = (machine) => {
  const name = machine.popText();
  machine.push(resolveGlobal(machine.popText(), name));
};

const reduce: Operation = (machine) => {
  const args = machine.popList();
  machine.make(call(machine.pop(), args, machine.budget));
};

const newObject: Operation = (machine) => {
  const args = machine.popList();
  machine.make(instantiate(machine.pop(), args, machine.budget));
};

const newObjectWithKeywords: Operation = (machine, cursor) => {
  machine.pop();
  newObject(machine, cursor);
};

const inst: Operation = (machine, cursor) => {
  const type = resolveGlobal(cursor.line(), cursor.line());
  machine.make(instantiate(type, machine.popMark(), machine.budget));
};

const object: Operation = (machine) => {
  const [type = null, ...args] = machine.popMark();
  machine.make(instantiate(type, args, machine.budget));
};

const bytes =
  (length: (cursor: ByteCursor) => number): Operation =>
  (machine, cursor) =>
    machine.push(cursor.take(length(cursor)));

const text =
  (length: (cursor: ByteCursor) => number): Operation =>
  (machine, cursor) =>
    machine.push(cursor.text(length(cursor)));

const integer =
  (length: (cursor: ByteCursor) => number): Operation =>
  (machine, cursor) => {
    const count = length(cursor);
    if (count > MAX_INTEGER_BYTES) throw cursor.fail(`an integer of ${count} bytes`);
    let value = 0n;
    for (const [i, byte] of cursor.take(count).entries()) value |= BigInt(byte) << BigInt(8 * i);
    machine.push(narrow(BigInt.asIntN(8 * count, value)));
  };

/** Protocol 0: decimal text, with Python 2's `L` behind; `00` and `01` are booleans. */
const decimal: Operation = (machine, cursor) => {
  const line = cursor.line();
  if (line === '00' || line === '01') return machine.push(line === '01');
  if (!/^[+-]?\d{1,40}L?$/.test(line)) throw cursor.fail('an integer is not a number');
  machine.push(narrow(BigInt(line.replace('L', ''))));
};

const quoted: Operation = (machine, cursor) => machine.push(cursor.line().replace(/^(['"])(.*)\1$/, '$2'));

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

const u8 = (cursor: ByteCursor) => cursor.u8();
const u32 = (cursor: ByteCursor) => cursor.u32();
const u64 = (cursor: ByteCursor) => cursor.u64();

const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  // Marks and the stack
  [0x28, (machine) => machine.mark()],
  [0x30, (machine) => machine.pop()],
  [0x31, (machine) => machine.popMark()],
  [0x32, (machine) => machine.push(machine.top())],
  // The memo
  [0x67, (machine, cursor) => machine.recall(Number(cursor.line()))],
  [0x68, (machine, cursor) => machine.recall(cursor.u8())],
  [0x6a, (machine, cursor) => machine.recall(cursor.u32())],
  [0x70, (machine, cursor) => machine.remember(Number(cursor.line()))],
  [0x71, (machine, cursor) => machine.remember(cursor.u8())],
  [0x72, (machine, cursor) => machine.remember(cursor.u32())],
  [0x94, (machine) => machine.remember()],
  // Constants and numbers
  [0x4e, constant(null)],
  [0x88, constant(true)],
  [0x89, constant(false)],
  [0x46, (machine, cursor) => machine.push(Number(cursor.line()))],
  [0x47, (machine, cursor) => machine.push(cursor.f64())],
  [0x49, decimal],
  [0x4c, decimal],
  [0x4a, (machine, cursor) => machine.push(cursor.i32())],
  [0x4b, (machine, cursor) => machine.push(cursor.u8())],
  [0x4d, (machine, cursor) => machine.push(cursor.u16())],
  [0x8a, integer(u8)],
  [0x8b, integer(u32)],
  // Texts and bytes
  [0x53, quoted],
  [0x56, (machine, cursor) => machine.push(cursor.line())],
  [0x54, text(u32)],
  [0x55, text(u8)],
  [0x58, text(u32)],
  [0x8c, text(u8)],
  [0x8d, text(u64)],
  [0x42, bytes(u32)],
  [0x43, bytes(u8)],
  [0x8e, bytes(u64)],
  [0x96, bytes(u64)],
  // Containers
  [0x29, (machine) => machine.push([])],
  [0x5d, (machine) => machine.push([])],
  [0x7d, (machine) => machine.make(new Map())],
  [0x8f, (machine) => machine.push([])],
  [0x6c, (machine) => machine.push(machine.popMark())],
  [0x74, (machine) => machine.push(machine.popMark())],
  [0x91, (machine) => machine.push(machine.popMark())],
  [0x85, tuple(1)],
  [0x86, tuple(2)],
  [0x87, tuple(3)],
  [0x64, dict],
  [0x61, (machine) => machine.append([machine.pop()])],
  [0x65, (machine) => machine.append(machine.popMark())],
  [0x90, (machine) => machine.append(machine.popMark())],
  [0x75, (machine) => machine.setItems(machine.popMark())],
  [0x73, setItem],
  // Names, records, persistent storages
  [0x63, global],
  [0x93, stackGlobal],
  [0x52, reduce],
  [0x81, newObject],
  [0x92, newObjectWithKeywords],
  [0x69, inst],
  [0x6f, object],
  [0x62, (machine) => machine.build()],
  [0x51, (machine) => machine.push(persistentLoad(machine.pop()))],
  // Framing
  [0x80, (_, cursor) => void cursor.u8()],
  [0x95, (_, cursor) => void cursor.u64()],
]);
