/** Files that hold several networks side by side, told from each other by the prefix of their names: `encoder.`, `ema_encoder.`. */

/** The entries whose dotted names begin with `key`. */
export function entriesUnder<T>(entries: ReadonlyMap<string, T>, key: string): Map<string, T> {
  return new Map([...entries].filter(([name]) => name.startsWith(`${key}.`)));
}

/** Parts of names that dense layers have under the known schemes. */
const LAYER = /(^|\.)(denselayer\d+|block\d+\.layer|dense\d+\.\d+|unit\d+|conv\d+_block\d+)/;

/**
 * @param extra names that are left over where nothing is missing
 * @returns what stands before all of them, when they look like another network
 */
export function otherNetwork(extra: readonly string[]): string | null {
  const [first = ''] = extra;
  if (extra.filter((name) => LAYER.test(name)).length < extra.length / 2) return null;
  const parts = first.split('.').slice(0, -1);
  while (parts.length > 0 && !extra.every((name) => name.startsWith(`${parts.join('.')}.`))) parts.pop();
  return parts[0] ?? null;
}
