/** `densenet-webgpu`: the command line. Exit codes: 0 fine, 1 failed, 2 wrong usage. */
import { isDenseNetError } from '../errors.js';
import { bench } from './bench.js';
import { classify } from './classify.js';
import { type Command, note, print, UsageError } from './command.js';
import { importCommand } from './import.js';
import { inspect } from './inspect.js';
import { serve } from './serve.js';
import { verify } from './verify.js';

const COMMANDS: Readonly<Record<string, Command>> = {
  classify,
  import: importCommand,
  inspect,
  verify,
  bench,
  serve,
};

function help(): void {
  print('densenet-webgpu COMMAND [arguments]\n');
  for (const [name, { summary }] of Object.entries(COMMANDS)) print(`  ${name.padEnd(10)} ${summary}`);
  print('\ndensenet-webgpu COMMAND --help says more.');
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help') {
    help();
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command)
    throw new UsageError(`there is no command "${name}"; the commands are ${Object.keys(COMMANDS).join(', ')}`);
  if (args.includes('--help')) {
    print(`densenet-webgpu ${name} ${command.usage}`);
    return 0;
  }
  return command.run(args);
}

const args = process.argv.slice(2);
try {
  process.exitCode = await main(args);
} catch (error) {
  const isUsage = error instanceof UsageError;
  const message = error instanceof Error ? error.message : String(error);
  const kind = isDenseNetError(error) ? `${error.name}: ` : '';
  note(args.includes('--verbose') && error instanceof Error ? (error.stack ?? message) : `${kind}${message}`);
  process.exitCode = isUsage ? 2 : 1;
}
// Dawn keeps the process alive through its instance.
process.exit();
