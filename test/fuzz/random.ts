/** Seeded random choices: the same three numbers give the same choices on every machine. */

/** sfc32 (Chris Doty-Humphrey's small fast counting generator). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(a: number, b: number, c: number) {
    [this.#a, this.#b, this.#c] = [a | 0, b | 0, c | 0];
    for (let i = 0; i < 12; i++) this.#next();
  }

  /** 32 bits, unsigned. */
  word(): number {
    return this.#next();
  }

  #next(): number {
    const out = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + out) | 0;
    return out >>> 0;
  }

  /** 0 … limit - 1; 0 where there is nothing to choose from. */
  below(limit: number): number {
    return limit < 1 ? 0 : Math.floor((this.word() / 2 ** 32) * limit);
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  /** @throws RangeError for an empty list */
  pick<T>(list: readonly T[]): T {
    const chosen = list[this.below(list.length)];
    if (chosen !== undefined) return chosen;
    throw new RangeError('there is nothing to pick from');
  }
}

/** Choices that are given, and seeded ones behind their end; keeps what was chosen. */
export class Tape extends Random {
  readonly used: number[] = [];
  readonly #words: readonly number[];

  constructor(words: readonly number[], seed: number) {
    super(seed, words.length, 0);
    this.#words = words;
  }

  override word(): number {
    const word = this.#words[this.used.length] ?? super.word();
    this.used.push(word);
    return word;
  }
}

/** FNV-1a of a text: names as numbers for {@link Random}. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value;
}
