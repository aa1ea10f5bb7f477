/** `densenet-webgpu`: the command line. Exit codes: 0 fine, 1 failed, 2 wrong usage. */
import { isDenseNetError } from '../core/errors.js';
import { type Command, missingPackage, note, print, UsageError } from './command.js';

interface Row {
  /** One line for `--help`. */
  readonly summary: string;
  /** Loaded when it is called, so that no command needs the packages of another. */
  readonly load: () => Promise<Command>;
}

const COMMANDS: Readonly<Record<string, Row>> = {
  classify: { summary: 'name what is in pictures', load: async () => (await import('./classify.js')).classify },
  import: {
    summary: 'convert a checkpoint (.pth, .pt, .safetensors …) to a model file',
    load: async () => (await import('./import.js')).importCommand,
  },
  inspect: {
    summary: 'show an architecture, its cost and its memory plan',
    load: async () => (await import('./inspect.js')).inspect,
  },
  verify: {
    summary: "compare a model's every stage with its framework's numbers",
    load: async () => (await import('./verify.js')).verify,
  },
  bench: {
    summary: 'measure this package beside ONNX Runtime and TensorFlow.js',
    load: async () => (await import('../bench/bench.js')).bench,
  },
  kernels: {
    summary: 'count what the compilers of real GPUs make of the kernels',
    load: async () => (await import('../bench/kernels.js')).kernels,
  },
  tune: {
    summary: 'measure which kernel variants suit this adapter',
    load: async () => (await import('./tune.js')).tune,
  },
  serve: { summary: 'serve the demo page', load: async () => (await import('./serve.js')).serve },
};

function help(): void {
  print('densenet-webgpu COMMAND [arguments]\n');
  for (const [name, { summary }] of Object.entries(COMMANDS)) print(`  ${name.padEnd(10)} ${summary}`);
  print('\ndensenet-webgpu COMMAND --help says more; --verbose adds the stack to an error.');
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help') {
    help();
    return name === undefined ? 2 : 0;
  }
  const row = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!row) throw new UsageError(`there is no command "${name}"; the commands are ${Object.keys(COMMANDS).join(', ')}`);
  const command = await row.load();
  if (args.includes('--help')) {
    print(`densenet-webgpu ${name} ${command.usage}`);
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

const args = process.argv.slice(2);
try {
  process.exitCode = await main(args);
} catch (error) {
  note(args.includes('--verbose') && error instanceof Error ? (error.stack ?? error.message) : explain(error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
// Dawn keeps the process alive through its instance; a pipe may still have to take what was printed.
process.stdout.write('', () => process.exit());
