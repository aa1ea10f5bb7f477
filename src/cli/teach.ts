/** `teach`: folders of pictures, one for each class → a model file that tells them apart. */
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FULL_RANGE, withRange } from './bit-range.js';
import { type Command, oneOf, parse, UsageError, wholeNumber } from './command.js';
import { DEFAULT_MODEL, readImageFile } from './files.js';
import { imageFiles } from './list-images.js';
import { readModelFile } from './model-source.js';
import { openRunner } from './open-runner.js';
import { BACKENDS, type Runner, type RunnerTeacher } from './runner.js';
import { kilobytes, note, print, printJson, table } from './terminal.js';

const USAGE = `DIR -o OUT.safetensors [--model PATH|URL|hf:OWNER/NAME] [--none FOLDER] [--head-only] [--backend ${BACKENDS.join('|')}] [--range MAX] [--json]

Teaches a model the classes of your pictures: DIR has a folder of pictures for each class, named like the class. Only the
last layer is trained. Prints how many of the pictures it gets right when it has not seen them (cross-validation).

--none       the folder in DIR with pictures that belong to none of the classes
--head-only  write the last layer alone, for load(model, { head })
--range      the value that counts as white in 16-bit PNGs that use fewer bits: 4095 for 12 bits`;

const OPTIONS = {
  output: { type: 'string', short: 'o' },
  model: { type: 'string' },
  none: { type: 'string' },
  'head-only': { type: 'boolean' },
  backend: { type: 'string' },
  range: { type: 'string' },
} as const;

/** What became of a class's pictures. */
interface Added {
  readonly label: string;
  readonly examples: number;
  readonly leftOut: number;
}

export const teach: Command = {
  usage: USAGE,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    const [folder, ...rest] = positionals;
    if (folder === undefined || rest.length > 0)
      throw new UsageError('teach takes one folder, which holds one for each class');
    if (!values.output) throw new UsageError('teach needs -o OUT.safetensors: the name of the file to write');
    const backend = oneOf('backend', values.backend, BACKENDS) ?? 'auto';
    const range = values.range === undefined ? null : wholeNumber('range', values.range, FULL_RANGE);
    const { none } = values;
    const folders = classFolders(folder, none);
    const model = values.model ?? DEFAULT_MODEL;
    const bytes = await readModelFile(model);
    note(`Starting WebGPU (${backend}) …`);
    const runner = await openRunner(backend, bytes, { precision: 'f32' });
    try {
      const teacher = await runner.teach(
        folders.filter((name) => name !== none),
        none === undefined ? {} : { none },
      );
      const added: Added[] = [];
      for (const name of folders)
        added.push(await addFolder({ runner, teacher, range }, join(folder, name), name, name === none ? null : name));
      const { accuracy, file } = await teacher.train({ headOnly: values['head-only'] ?? false });
      writeFileSync(values.output, file);
      report(added, accuracy, values.output, file.length, values.json ?? false);
      return added.some(({ leftOut }) => leftOut > 0) ? 1 : 0;
    } finally {
      await runner.close();
    }
  },
};

/** The folders in a folder, in order of name; hidden ones are no classes. @throws UsageError */
function classFolders(folder: string, none: string | undefined): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`there is no folder ${folder}: check the path`);
  const isFolder = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory();
  const names = readdirSync(folder)
    .sort()
    .filter((name) => !name.startsWith('.') && isFolder(name));
  if (none !== undefined && !names.includes(none))
    throw new UsageError(`--none is ${none}: there is no such folder in ${folder}`);
  const classes = names.filter((name) => name !== none);
  if (classes.length < 2)
    throw new UsageError(`${folder} has ${classes.length} class folders: make one for each class, two or more`);
  return names;
}

interface Lesson {
  readonly runner: Runner;
  readonly teacher: RunnerTeacher;
  readonly range: number | null;
}

/** Leaves out a picture that cannot be used, and says so. */
async function addFolder(
  { runner, teacher, range }: Lesson,
  folder: string,
  name: string,
  label: string | null,
): Promise<Added> {
  let [examples, leftOut] = [0, 0];
  for (const { path, error } of imageFiles([folder])) {
    try {
      if (error !== undefined) throw new Error(error);
      const file = await readImageFile(path);
      const image = await runner.open({ ...file, pixels: await withRange(file, range) });
      await teacher.addExample(label, image).finally(() => runner.release([image]));
      examples++;
    } catch (cause) {
      note(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`);
      leftOut++;
    }
  }
  return { label: name, examples, leftOut };
}

function report(added: readonly Added[], accuracy: number | null, output: string, bytes: number, json: boolean): void {
  if (json) {
    printJson({ classes: added, accuracy, output, bytes });
    return;
  }
  const rows = added.map(({ label, examples }) => [label, examples]);
  for (const line of table([['class', 'pictures'], ...rows])) print(line);
  const quality =
    accuracy === null
      ? 'Its accuracy is unknown: give two pictures or more of each class.'
      : `It gets ${(100 * accuracy).toFixed(1)} % of them right when it has not seen them (cross-validation).`;
  print(`\n${quality}\n${output}: ${kilobytes(bytes)}`);
}
