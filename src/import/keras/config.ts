/** The options of a Keras layer, as its config has them. */

interface Configured {
  readonly config: ReadonlyMap<string, unknown>;
}

/** `linear` for a layer that has none. */
export function activationName({ config }: Configured): string {
  const value = config.get('activation') ?? 'linear';
  if (typeof value === 'string') return value;
  const name = typeof value === 'object' && value !== null ? new Map(Object.entries(value)).get('class_name') : null;
  return typeof name === 'string' ? name.toLowerCase() : 'an activation without a name';
}

export function textOf({ config }: Configured, option: string, otherwise: string): string {
  const value = config.get(option);
  return typeof value === 'string' ? value : otherwise;
}

export function numberOf({ config }: Configured, option: string, otherwise: number): number {
  const value = config.get(option) ?? otherwise;
  return typeof value === 'number' ? value : Number.NaN;
}

/** Numbers in lists of any depth, laid flat; one number is a list of one. */
export function numbersIn(value: unknown): number[] | null {
  const list: unknown[] = [value].flat(8);
  return list.every((entry) => typeof entry === 'number') ? list : null;
}

export const numbersOf = ({ config }: Configured, option: string): number[] =>
  numbersIn(config.get(option) ?? []) ?? [];

/** [height, width] of an option that is a number or two. */
export function pairOf(layer: Configured, option: string, otherwise: number): number[] {
  const numbers = numbersIn(layer.config.get(option) ?? otherwise) ?? [Number.NaN];
  return numbers.length === 1 ? [...numbers, ...numbers] : numbers;
}
