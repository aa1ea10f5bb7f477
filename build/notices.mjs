/**
 * The licenses of the packages that end up in what is shipped: checked against those that ask for no more than their
 * text, and that text written beside the bundles.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ALLOWED_LICENSES = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

/** Folders of packages among the inputs of esbuild's metafiles: `node_modules/a/node_modules/@b/c/…`. */
export function bundledPackages(metafiles) {
  const inputs = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  const folders = inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

/** @throws Error naming the package whose license is not allowed, or has no text */
export function notices(root, metafiles) {
  const texts = bundledPackages(metafiles).map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    if (!ALLOWED_LICENSES.includes(license)) throw new Error(`${name} is licensed as ${license}, which is not allowed`);
    const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} comes without the text of its license`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(root, folder, file), 'utf8').trim()}\n`;
  });
  const head = 'Parts of the following packages are in the bundles of the command line and of the demo.\n';
  return [head, ...texts].join('\n---\n\n');
}
