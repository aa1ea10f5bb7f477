/** What was measured, from one visit to the next. */
import type { TuneStore } from '../../api.js';
import type { Choices } from './measure.js';

/** The page's `localStorage`, where there is one and it may be used. */
function pageStore(): TuneStore | null {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null; // the page's storage is blocked
  }
}

/**
 * The table of one adapter and one version of the kernels.
 *
 * @param facts everything that a measurement depends on besides the shape: adapter, features, limits, storage, kernels;
 * where one differs, another table is read, so that none is ever stale
 */
export function tableIn(store: TuneStore | null = pageStore(), facts: unknown) {
  const key = `densenet-webgpu/tuned/${hash(JSON.stringify(facts))}`;
  return {
    /** What is known; nothing where there is no table or it is damaged. */
    async read(): Promise<Choices> {
      try {
        return choicesIn(JSON.parse((await store?.getItem(key)) ?? '{}'));
      } catch {
        return new Map();
      }
    },
    /** Adds to what is known. A store that is full or blocked keeps nothing, and the network runs all the same. */
    async add(choices: Choices): Promise<void> {
      try {
        const known = await this.read();
        await store?.setItem(key, JSON.stringify(Object.fromEntries([...known, ...choices])));
      } catch {
        // Measured again next time.
      }
    },
  };
}

function choicesIn(value: unknown): Choices {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map();
  return new Map(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** FNV-1a over UTF-16 units, twice with different bases: 64 bits in hexadecimal. */
function hash(text: string): string {
  return [0x811c9dc5, 0x9747b28c].map((basis) => fnv(text, basis).toString(16).padStart(8, '0')).join('');
}

function fnv(text: string, basis: number): number {
  let value = basis;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
