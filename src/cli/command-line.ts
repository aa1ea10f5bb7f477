/** Runs one of several commands from the process's arguments. Exit codes: 0 fine, 1 failed, 2 wrong usage. */
import { isDenseNetError } from '../core/errors.js';
import { type Command, missingPackage, note, print, UsageError } from './command.js';

export interface CommandEntry {
  /** One line for `--help`. */
  readonly summary: string;
  /** Loaded when it is called, so that no command needs the packages of another. */
  readonly load: () => Promise<Command>;
}

export type Commands = Readonly<Record<string, CommandEntry>>;

/**
 * Ends the process when the command is done.
 *
 * @param program its name in help texts
 */
export async function runCommandLine(program: string, commands: Commands): Promise<void> {
  const args = process.argv.slice(2);
  try {
    process.exitCode = await run(program, commands, args);
  } catch (error) {
    note(args.includes('--verbose') && error instanceof Error ? (error.stack ?? error.message) : explain(error));
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
  // Dawn keeps the process alive through its instance; a pipe may still have to take what was printed.
  process.stdout.write('', () => process.exit());
}

function help(program: string, commands: Commands): void {
  print(`${program} COMMAND [arguments]\n`);
  for (const [name, { summary }] of Object.entries(commands)) print(`  ${name.padEnd(10)} ${summary}`);
  print(`\n${program} COMMAND --help says more; --verbose adds the stack to an error.`);
}

async function run(program: string, commands: Commands, [name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help') {
    help(program, commands);
    return name === undefined ? 2 : 0;
  }
  const row = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!row) throw new UsageError(`there is no command "${name}"; the commands are ${Object.keys(commands).join(', ')}`);
  const command = await row.load();
  if (args.includes('--help')) {
    print(`${program} ${name} ${command.usage}`);
    return 0;
  }
  return command.run(args);
}

/** One line with the repair. */
function explain(error: unknown): string {
  const missing = missingPackage(error);
  if (missing !== null) return `this needs the npm package ${missing}: npm install ${missing}`;
  const message = error instanceof Error ? error.message : String(error);
  return isDenseNetError(error) ? `${error.name}: ${message}` : message;
}
