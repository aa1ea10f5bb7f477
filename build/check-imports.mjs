/**
 * Checks the imports of src/, types included: they go down the list of folders, never up, and never in a circle.
 *
 *   node build/check-imports.mjs [FOLDER]    the folder that holds src/, by default this project
 */
import { fileURLToPath } from 'node:url';
import { parseCircular, parseDependencyTree } from 'dpdm';

/** From the top down; a file may import from its own row and from those below. docs/architecture.md says what each holds. */
const LAYERS = [
  'bench/',
  'cli/',
  'import/',
  'index.ts',
  'densenet.ts',
  'runtime/',
  'api.ts',
  'gpu/',
  'plan/',
  'kernels/',
  'weights/',
  'model/',
  'preprocess/',
  'tensor/',
  'core/',
];

const context = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url));
const tree = await parseDependencyTree('src/**/*.ts', { context, transform: false });
const rankOf = (file) => LAYERS.findIndex((layer) => file.startsWith(`src/${layer}`));

const problems = parseCircular(tree).map((circle) => `a circle: ${circle.join(' → ')}`);
for (const [file, imports] of Object.entries(tree)) {
  if (!file.startsWith('src/')) continue;
  if (rankOf(file) < 0) problems.push(`${file} is in no folder that build/check-imports.mjs lists`);
  for (const { id } of imports ?? []) {
    if (id?.startsWith('src/') && rankOf(id) < rankOf(file)) problems.push(`${file} imports upwards: ${id}`);
  }
}
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
