/** The table of docs/embedding.md: which projects were built with what, and where they passed. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE } from '../../src/cli/files.js';

const DOCS = join(PACKAGE, 'docs/embedding.md');
const BEGIN = '<!-- made by: npm run embedding -- --write -->\n';
const END = '<!-- end -->';
const HEAD = '| project | built with | passed in | in `npm test` |\n|---|---|---|---|\n';

/** A project, and where it passed. */
export interface Passed {
  readonly name: string;
  readonly where: string;
}

interface Described {
  readonly name: string;
  readonly title: string;
  readonly isQuick: boolean;
  readonly tools?: readonly string[];
}

/** One line of the table. @param folder the project's, with the packages it was built with */
export function rowOf(
  { name, title, isQuick, tools = [] }: Described,
  folder: string,
  passed: readonly Passed[],
): string {
  const used = tools.map((tool) => {
    const own = join(folder, 'node_modules', tool);
    return versionOf(existsSync(own) ? own : join(PACKAGE, 'node_modules', tool));
  });
  const where = passed.filter((each) => each.name === name).map((each) => NAMES[each.where] ?? each.where);
  const cells = [`[${title}](../test/embedding/${name})`, used.join(', ') || '–', where.join(', ') || 'FAILED'];
  return `| ${[...cells, isQuick ? 'yes' : 'no'].join(' | ')} |\n`;
}

const NAMES: Readonly<Record<string, string>> = { chrome: 'Chrome', firefox: 'Firefox' };

function versionOf(folder: string): string {
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return `${name} ${version}`;
}

export function writeTable(rows: readonly string[]): void {
  const text = readFileSync(DOCS, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${DOCS} has no place for the table`);
  writeFileSync(DOCS, [text.slice(0, begin), BEGIN, HEAD, ...rows, text.slice(end)].join(''));
}
