/** Members that TypeScript keeps private, and that the bundles may therefore call what they like. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

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
