/**
 * One budget of work and memory for reading a whole file, spent where the work is done, so that a small file cannot ask
 * for much of either.
 */
import { formatError } from './format-error.js';

/**
 * Steps of some ten nanoseconds: an element moved is one, an entry of a dict looked at sixteen. Those of any file take a
 * third of a second; a network's own weights may be moved once on top.
 */
const FREE_STEPS = 2 ** 24;
const STEPS_PER_BYTE = 1;
const STEPS_PER_ENTRY = 16;
/** What any file may have in memory beyond twice its size: DenseNet-201 with weights that the graph itself makes. */
const FREE_BYTES = 96 * 2 ** 20;

export class Budget {
  #steps: number;
  #bytes: number;

  constructor(
    private readonly format: Parameters<typeof formatError>[0],
    fileBytes: number,
  ) {
    this.#steps = FREE_STEPS + STEPS_PER_BYTE * fileBytes;
    this.#bytes = 2 * fileBytes + FREE_BYTES;
  }

  /** @throws ModelFormatError when all of it is spent */
  entries(count: number): void {
    this.steps(count * STEPS_PER_ENTRY);
  }

  /** @throws ModelFormatError when all of it is spent */
  steps(count: number): void {
    this.#steps -= count;
    if (!(this.#steps >= 0)) throw formatError(this.format)('reading it would take more work than any network does');
  }

  /** @throws ModelFormatError when all of it is spent */
  bytes(count: number): void {
    this.#bytes -= count;
    if (!(this.#bytes >= 0))
      throw formatError(this.format)('reading it would take far more memory than twice its size');
  }
}
