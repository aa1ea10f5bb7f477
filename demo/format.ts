/** Formats numbers for people. */

const KIBI = 2 ** 10;
const MEBI = 2 ** 20;

export function bytes(count: number): string {
  if (count < MEBI) return `${Math.round(count / KIBI)} KiB`;
  return `${(count / MEBI).toFixed(count < 100 * MEBI ? 1 : 0)} MiB`;
}

/** Three digits and a unit: `2.83 billion`. */
export function amount(count: number): string {
  const units = ['', ' thousand', ' million', ' billion'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  return `${power === 0 ? value : value.toPrecision(3)}${units[power]}`;
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** A probability in percent; a logit as it is, where the network has no softmax or sigmoid. */
export const score = (value: number, isProbability: boolean): string =>
  isProbability ? percent(value) : logits(value);

export function milliseconds(time: number): string {
  return `${time.toFixed(time < 100 ? 1 : 0)} ms`;
}

/** A value of a class activation map: `8.1`, `−0.02`. */
export function logits(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude === 0) return '0';
  const text = magnitude < 0.01 ? magnitude.toPrecision(1) : magnitude.toFixed(magnitude < 1 ? 2 : 1);
  return value < 0 ? `−${text}` : text;
}
