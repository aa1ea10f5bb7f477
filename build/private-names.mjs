/** Members that nobody outside the library can name, and that the bundles may therefore call what they like. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { minify } from 'terser';

const COMMENT = /\/\*.*?\*\/|\/\/.*?$/gms;
const PRIVATE = /\bprivate (?:(?:static|readonly|async|get) )*(\w+)/g;

/**
 * Only names that are a member's behind `this`, and nothing else's anywhere: then no public type, no option of WebGPU's, no
 * other file of the library and no text that is looked up can mean the same name.
 *
 * @param {string} sources the folder of the library's sources
 * @param {readonly string[]} bundles all JavaScript that is made of them, not yet minified
 * @returns {string[]}
 */
export function privateNames(sources, bundles) {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const text = files.map((file) => readFileSync(join(sources, file), 'utf8').replace(COMMENT, '')).join('\n');
  const code = bundles.join('\n');
  const names = new Set([...text.matchAll(PRIVATE)].map(([, name]) => name));
  return [...names].filter((name) => !otherwise(name).test(code));
}

/** A property of something that is not `this`, a key, a shorthand (or a mere item of a list), a quoted text. */
const otherwise = (name) =>
  new RegExp(`(?<!\\bthis)\\??\\.${name}\\b|\\b${name}\\s*:|[{,]\\s*${name}\\s*[,}=]|['"\`]${name}['"\`]`);

const WORD = /[A-Za-z_$][\w$]*/g;
const IMPORT = /\b(?:from |import\()['"](\.[^'"]+)\.js['"]/g;
/** What the members of a DenseNet are made of is theirs alone. */
const PARTS = ['runtime/engine.d.ts', 'runtime/image-input.d.ts'];

/**
 * Properties that only the library's own code has: no word of the declarations that its users see, none of the platform's,
 * none that a file apart exports, and none in any text, by which a key could be looked up.
 *
 * @param {string} declarations the folder of the library's declarations, `index.d.ts` the users' way in
 * @param {readonly string[]} platform declarations of what the library runs on
 * @param {readonly string[]} bundles as above
 * @returns {Promise<{ internal: string[], others: string[] }>} all properties; no short name may be one of the others
 */
export async function internalNames(declarations, platform, bundles) {
  const outside = new Set([...publicTexts(declarations), ...platform].flatMap(wordsOf));
  const [properties, beginnings] = [new Set(), new Set()];
  for (const bundle of bundles) {
    for (const node of nodesOf(await parsed(bundle))) {
      const { key = node.property, computed, exported } = node;
      if (key?.type === 'Identifier' && !computed) properties.add(key.name);
      if (key?.type === 'TemplateLiteral') beginnings.add(key.quasis[0].value.cooked);
      for (const word of exported ? [exported.name] : wordsIn(node)) outside.add(word);
    }
  }
  const isInternal = (name) =>
    name.length > 2 && !outside.has(name) && ![...beginnings].some((beginning) => name.startsWith(beginning));
  const names = [...properties];
  return { internal: names.filter(isInternal), others: names.filter((name) => !isInternal(name)) };
}

const wordsOf = (text) => text.replace(COMMENT, '').match(WORD) ?? [];

/** An ESTree, as terser makes it. */
async function parsed(code) {
  const format = { ast: true, spidermonkey: true, code: false };
  return (await minify(code, { module: true, compress: false, mangle: false, format })).ast;
}

function* nodesOf(node) {
  if (typeof node !== 'object' || node === null) return;
  yield node;
  for (const child of Object.values(node)) yield* nodesOf(child);
}

/** Of a text, a piece of one, or a pattern. */
const wordsIn = ({ value, regex, type }) =>
  type === 'Literal' || type === 'TemplateElement'
    ? (String(regex?.pattern ?? value?.cooked ?? value).match(WORD) ?? [])
    : [];

/** The declarations that `index.d.ts` leads to. */
function publicTexts(folder, file = 'index.d.ts', seen = new Map()) {
  const path = join(folder, file);
  if (seen.has(path) || PARTS.includes(file) || !existsSync(path)) return [...seen.values()];
  const text = readFileSync(path, 'utf8');
  seen.set(path, text);
  for (const [, from] of text.replace(COMMENT, '').matchAll(IMPORT))
    publicTexts(folder, join(file, '..', `${from}.d.ts`), seen);
  return [...seen.values()];
}
