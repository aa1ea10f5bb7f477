/** The frame of every command: its options, its errors and exit codes, and the choice of one by name. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { isDenseNetError } from '../core/errors.js';
import { note, print } from './terminal.js';

/** What the module of a command exports. */
export interface Command {
  /** The text after the command's name in `densenet-webgpu COMMAND --help`: arguments, options, what it does. */
  readonly usage: string;
  /** Resolves with the exit code: 0 done, 1 failed in part or in whole. */
  readonly run: (args: readonly string[]) => Promise<number>;
}

export interface CommandEntry {
  /** One line for `--help`. */
  readonly summary: string;
  /** Imports the command on demand, so that it needs only its own npm packages. */
  readonly load: () => Promise<Command>;
}

export type Commands = Readonly<Record<string, CommandEntry>>;

/** Wrong usage: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError' as const;
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** Options that every command takes. */
const COMMON = {
  json: { type: 'boolean' },
  verbose: { type: 'boolean' },
  help: { type: 'boolean' },
} as const satisfies Options;

/** Parses options strictly with `node:util`. @throws UsageError */
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

/** @throws UsageError when the text is not a number above 0 */
export function positive(option: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new UsageError(`--${option} is ${text}; it must be a number above 0`);
}

/** @throws UsageError when the text is not a whole number from 1 to `largest` */
export function wholeNumber(option: string, text: string, largest = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= largest) return value;
  const limit = largest === Number.MAX_SAFE_INTEGER ? '1 or more' : `1 to ${largest}`;
  throw new UsageError(`--${option} is ${text}; it must be a whole number, ${limit}`);
}

/** The npm package that an `import` did not find, or `null` when the error is another one. */
export function missingPackage(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') return null;
  return /Cannot find package '([^']+)'/.exec(error.message)?.[1] ?? null;
}

/**
 * Runs one of several commands with the process's arguments, then ends the process with its exit code: 0 done, 1 failed,
 * 2 wrong usage.
 *
 * @param program its name in help texts
 */
export async function runCommandLine(program: string, commands: Commands): Promise<void> {
  const args = process.argv.slice(2);
  // `| head` takes what it wants and closes the pipe.
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));
  try {
    process.exitCode = await run(program, commands, args);
  } catch (error) {
    note(args.includes('--verbose') && error instanceof Error ? (error.stack ?? error.message) : describeError(error));
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
  // Dawn's instance keeps the process alive, so exit; but only after a pipe has taken what was printed.
  process.stdout.write('', () => process.exit());
}

async function run(program: string, commands: Commands, [name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help') {
    printHelp(program, commands);
    return name === undefined ? 2 : 0;
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!entry)
    throw new UsageError(`there is no command "${name}"; the commands are ${Object.keys(commands).join(', ')}`);
  const command = await entry.load();
  if (args.includes('--help')) {
    print(`${program} ${name} ${command.usage}`);
    return 0;
  }
  return command.run(args);
}

function printHelp(program: string, commands: Commands): void {
  print(`${program} COMMAND [arguments]\n`);
  for (const [name, { summary }] of Object.entries(commands)) print(`  ${name.padEnd(10)} ${summary}`);
  print(`\n"${program} COMMAND --help" lists a command's options; --verbose adds the stack to an error.`);
}

/** One line with what to do. */
function describeError(error: unknown): string {
  const missing = missingPackage(error);
  if (missing !== null) return `this command needs the npm package ${missing}: run npm install ${missing}`;
  const message = error instanceof Error ? error.message : String(error);
  return isDenseNetError(error) ? `${error.name}: ${message}` : message;
}
