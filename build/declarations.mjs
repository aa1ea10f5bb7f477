/**
 * The type declarations of the package: for each entry one file, with what its exports refer to and no more. Made from
 * what `tsc` writes for src/, one statement at a time.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const GLOBAL_TYPES = 'build/global-types.d.ts';
const modules = new Map();

/** Writes dist/types. */
export function writeDeclarations() {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-webgpu-types-'));
  const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', folder];
  execFileSync(process.execPath, tsc, { stdio: 'inherit' });
  const index = bundle(join(folder, 'index.d.ts'));
  const importers = bundle(join(folder, 'import/index.d.ts'), index.names);
  rmSync(folder, { recursive: true });
  mkdirSync('dist/types', { recursive: true });
  writeFileSync('dist/types/index.d.ts', index.text);
  writeFileSync('dist/types/import.d.ts', importers.text);
  writeFileSync('dist/types/iife.d.ts', "export as namespace DenseNetWebGPU;\nexport * from './index.js';\n");
}

/**
 * @param known names that the main entry exports: imported from there, so that both entries speak of the same classes
 * @returns the text, and the names that it exports
 */
function bundle(entry, known = new Set()) {
  const texts = new Map();
  const imported = new Set();
  const exported = exportsOf(entry);
  const add = (file, name) => {
    const found = find(file, name) ?? find(GLOBAL_TYPES, name);
    if (!found) return;
    if (known.has(found.name)) imported.add(found.name);
    else if (texts.has(found.name)) {
      if (texts.get(found.name).file !== found.file) throw new Error(`two declarations are called ${found.name}`);
    } else {
      texts.set(found.name, found);
      for (const reference of referencesOf(found.text)) add(found.file, reference);
    }
  };
  for (const { from, name } of exported) add(from, name);
  const list = (isType) => {
    const chosen = exported.filter((item) => item.isType === isType);
    return chosen.map(({ name, as }) => (name === as ? name : `${name} as ${as}`)).join(', ');
  };
  const lines = [
    ...(imported.size > 0 ? [`import { ${[...imported].join(', ')} } from './index.js';`] : []),
    ...[...texts.values()].map(({ text }) => text),
    `export { ${list(false)} };`,
    `export type { ${list(true)} };`,
  ];
  return { text: `${lines.join('\n')}\n`, names: new Set(exported.map(({ as }) => as)) };
}

/** Names in a statement that may be declared elsewhere: no comments, texts, nor names of properties. */
function referencesOf(text) {
  const code = text.replace(/\/\*[\s\S]*?\*\/|'[^'\n]*'|"(?:[^"\\\n]|\\.)*"/g, '');
  if (code.includes('import(')) throw new Error(`declarations.mjs reads no import(): ${text}`);
  return new Set(code.match(/(?<![.\w$])[A-Za-z_$][\w$]*(?!\??:)\b/g));
}

/** What a module exports: { name, as, isType, from }, `from` being the file to look it up in. */
function exportsOf(file) {
  const { reexports, stars, statements } = moduleOf(file);
  const own = [...statements].filter(([, text]) => /^export /m.test(text));
  return [
    ...own.map(([name, text]) => ({ name, as: name, from: file, isType: /^export (interface|type) /m.test(text) })),
    ...reexports,
    ...stars.flatMap(({ from, isType }) => exportsOf(from).map((item) => ({ ...item, isType: item.isType || isType }))),
  ];
}

/** The statement that a name stands for in a module: { file, name, text }; undefined where it is not the project's. */
function find(file, name) {
  const { statements, imports, reexports, stars } = moduleOf(file);
  const text = statements.get(name);
  if (text !== undefined) return { file, name, text: text.replace(/^export /m, '') };
  const source = imports.get(name) ?? reexports.find(({ as }) => as === name)?.from;
  if (source) return find(source, name);
  return stars.map(({ from }) => find(from, name)).find(Boolean);
}

/** A file of declarations, by its statements; of the texts, the comment in front is a part. */
function moduleOf(file) {
  const known = modules.get(file);
  if (known) return known;
  const module = { statements: new Map(), imports: new Map(), reexports: [], stars: [] };
  modules.set(file, module);
  const pathOf = (specifier) => (specifier ? join(dirname(file), specifier.replace(/\.js$/, '.d.ts')) : file);
  // The first comment is of the file, not of a statement.
  for (const statement of statementsOf(readFileSync(file, 'utf8').replace(/^\/\*\*[\s\S]*?\*\/\n+/, ''))) {
    const code = statement.replace(/^(\/\*\*[\s\S]*?\*\/\n)+/, '');
    const [, keyword, list, specifier] = /^((?:im|ex)port(?: type)?) (\*|\{.+\})(?: from '(.+)')?;$/.exec(code) ?? [];
    const isType = keyword?.endsWith(' type') ?? false;
    if (list === '*') module.stars.push({ from: pathOf(specifier), isType });
    else if (list) {
      for (const item of list.slice(1, -1).split(',')) {
        const [, type, name = '', as = name] = /^\s*(type )?(\w+)(?: as (\w+))?\s*$/.exec(item) ?? [];
        if (keyword.startsWith('import') && name !== as) throw new Error(`${file} renames ${name}, which it imports`);
        if (keyword.startsWith('import')) module.imports.set(as, pathOf(specifier));
        else module.reexports.push({ name, as, from: pathOf(specifier), isType: isType || type !== undefined });
      }
    } else if (code !== 'export {};') {
      const name = /^(?:export )?(?:declare )?(?:abstract )?(?:class|const|function|interface|type) (\w+)/.exec(
        code,
      )?.[1];
      if (!name) throw new Error(`declarations.mjs does not know this statement of ${file}: ${code}`);
      const before = module.statements.get(name);
      module.statements.set(name, before === undefined ? statement : `${before}\n${statement}`);
    }
  }
  return module;
}

/** tsc indents what is inside a statement; a class or an interface ends with a brace, everything else with a semicolon. */
function statementsOf(text) {
  const statements = [];
  let lines = [];
  let end = null;
  for (const line of text.trimEnd().split('\n')) {
    if (/^(export|import|declare|abstract|class|const|interface|type|function) /.test(line)) {
      if (end) throw new Error(`declarations.mjs finds no end of this statement: ${lines.join('\n')}`);
      end = /^(export )?(declare )?(abstract )?(class|interface) /.test(line) ? /^\S.*\}$|^\}$/ : /^(?! {4}| \*).*;$/;
    }
    lines.push(line);
    if (!end?.test(line)) continue;
    statements.push(lines.join('\n'));
    [lines, end] = [[], null];
  }
  return statements;
}
