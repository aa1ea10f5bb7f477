/** What every command of the CLI has in common: its options, its output, its way to fail. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** What the module of a command exports. */
export interface Command {
  /** The words after the command's name, and its options, for `densenet-webgpu COMMAND --help`. */
  readonly usage: string;
  readonly run: (args: readonly string[]) => Promise<number>;
}

/** Wrong usage: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError' as const;
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** The npm package that an `import` did not find, or `null` when the error is another. */
export function missingPackage(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') return null;
  return /Cannot find package '([^']+)'/.exec(error.message)?.[1] ?? null;
}

/** Options that every command takes. */
const COMMON = {
  json: { type: 'boolean' },
  verbose: { type: 'boolean' },
  help: { type: 'boolean' },
} as const satisfies Options;

/** `node:util`'s strict parser, its complaints turned into {@link UsageError}. */
export function parse<const T extends Options>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options: { ...COMMON, ...options }, allowPositionals: true, strict: true });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** @throws UsageError when the value is not one of the allowed */
export function oneOf<const T extends string>(
  option: string,
  value: string | undefined,
  allowed: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new UsageError(`--${option} is ${value}; it must be one of ${allowed.join(', ')}`);
  return found;
}

/** @throws UsageError when the text is no number above 0 */
export function positive(option: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new UsageError(`--${option} is ${text}; it must be a number above 0`);
}

/** The one JSON document that `--json` promises. */
export function printJson(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

export const print = (line: string): void => void process.stdout.write(`${harmless(line)}\n`);
export const note = (line: string): void => void process.stderr.write(`${harmless(line)}\n`);

/** Names and labels come out of files, and control characters in them would command the terminal. */
function harmless(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\ufffd');
}

/** Columns padded to their widest cell; numbers right-aligned. */
export function table(rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)));
  const widths = cells.reduce<number[]>((w, row) => row.map((cell, c) => Math.max(w[c] ?? 0, cell.length)), []);
  return cells.map((row, r) =>
    row
      .map((cell, c) =>
        typeof rows[r]?.[c] === 'number' ? cell.padStart(widths[c] ?? 0) : cell.padEnd(widths[c] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}

export const kilobytes = (bytes: number): string =>
  `${(bytes / 1024).toLocaleString('en', { maximumFractionDigits: 1 })} KiB`;
