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

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const rankOf = (file) => LAYERS.findIndex((layer) => file.startsWith(`src/${layer}`));

/** @returns one line for each fault of the imports in `folder`/src */
export async function importFaults(folder) {
  // With the settings of TypeScript, dpdm knows that './a.js' is a.ts.
  const options = { cwd: folder, tsconfig: `${ROOT}tsconfig.json`, transform: false };
  const tree = await parseDependencyTree('src/**/*.ts', options);
  const faults = parseCircular(tree).map((circle) => `a circle: ${circle.join(' → ')}`);
  for (const [file, imports] of Object.entries(tree)) {
    if (!file.startsWith('src/')) continue;
    if (rankOf(file) < 0) faults.push(`${file} is in no folder that build/check-imports.mjs lists`);
    for (const { id, request } of imports ?? []) {
      if (id === null && request.startsWith('.')) faults.push(`${file} imports ${request}, which is not there`);
      if (id?.startsWith('src/') && rankOf(id) < rankOf(file)) faults.push(`${file} imports upwards: ${id}`);
    }
  }
  return faults;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = await importFaults(process.argv[2] ?? ROOT);
  for (const fault of faults) console.error(fault);
  process.exit(faults.length > 0 ? 1 : 0);
}
