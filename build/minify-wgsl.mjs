/**
 * WGSL made small for the bundles: comments out, short names, no space that the language does not need.
 *
 * Names change one for one in a module and alike in all kernels, so that no scope has to be known, and what kernels have
 * in common stays a repetition that gzip finds. Lines that src/plan reads as text (the expander's marked lines and its constants,
 * bindings) keep their form and a line of their own.
 */

const MARKER = /\/\/ (?:tile|unroll|(?:unroll )?sliced|staged|direct|subgroup)$/;
const KEEPS_LINE = new RegExp(`^(?:const |enable |@group)|${MARKER.source}`);
/** What is looked for in these has spaces. */
const KEEPS_SPACES = /^(?:const |enable |@group|for .*\/\/ unroll)/;

/** Comments out, but for the markers that the expander reads; one statement or brace a line, as written. */
export function stripWgsl(source) {
  return source
    .split('\n')
    .map((line) => (MARKER.test(line) ? line : line.replace(/\s*\/\/.*$/, '')).trim())
    .filter((line) => line !== '')
    .join('\n');
}

const TOKEN = /\/\/.*|\w+|\s+|./g;
const NAME = /^[A-Za-z_]/;
/** `let x`, `var<workgroup> x`, `fn x`, `struct X`, `alias X`; and what has a type: bindings, parameters, fields. */
const DECLARATION = /\b(?:let|var(?:<[^>]*>)?|fn|struct|alias) (\w+)|\b(\w+): /g;
/** A component of a vector, which is no name; so no field of a struct may be called so. */
const SWIZZLE = /^(?:[xyzw]{1,4}|[rgba]{1,4})$/;
/** The letters that are frequent in minified JavaScript first: they cost gzip the fewest bits. */
const LETTERS = 'etnraisoulfchdpmgwbyvxkjqzABCDEFGHIJKLMNOPQRSTUVWXYZ';
/**
 * @param {readonly string[]} kernels stripped; no two are ever part of one module
 * @param {readonly string[]} parts stripped; each may be part of any module
 * @param {string} reader the code that assembles and expands them: names that it mentions are kept
 * @returns {(source: string) => string} the minifier for each of them
 */
export function wgslMinifier(kernels, parts = [], reader = '') {
  const names = shortNames(kernels, parts, new Set(['main', ...wordsOf(reader)]));
  return (source) => source.split('\n').reduce((text, line) => joined(text, minifyLine(line, names)), '');
}

const wordsOf = (text) => text.match(/\b[A-Za-z_]\w*/g) ?? [];

/**
 * The shortest names to the most frequent; names that never meet in one module may share one. Constants and overrides
 * (in capitals) are set by name, and keep theirs.
 */
function shortNames(kernels, parts, fixed) {
  const text = [...parts, ...kernels].join('\n');
  const declared = new Set();
  for (const [, statement, typed] of text.matchAll(DECLARATION)) declared.add(statement ?? typed);
  const renamed = new Set([...declared].filter((name) => !fixed.has(name) && /[a-z]/.test(name)));
  const counts = new Map();
  for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const kept = [...counts.keys(), 'do', 'if', 'as', 'is', 'of'].filter((word) => !renamed.has(word));
  const modules = kernels.length > 0 ? kernels.map((kernel) => [...parts, kernel].join('\n')) : [parts.join('\n')];
  const used = modules.map((module) => ({ words: new Set(wordsOf(module)), taken: new Set(kept) }));
  const names = new Map();
  for (const name of [...renamed].sort((a, b) => counts.get(b) - counts.get(a))) {
    const homes = used.filter(({ words }) => words.has(name));
    for (const short of candidates()) {
      if (homes.some(({ taken }) => taken.has(short))) continue;
      for (const { taken } of homes) taken.add(short);
      names.set(name, short);
      break;
    }
  }
  return names;
}

function* candidates() {
  yield* LETTERS;
  for (const first of LETTERS) for (const second of LETTERS) yield first + second;
}

function minifyLine(line, names) {
  const keepsSpaces = KEEPS_SPACES.test(line);
  const tokens = line.match(TOKEN) ?? [];
  let out = '';
  for (const [t, token] of tokens.entries()) {
    if (/^\s/.test(token)) out += keepsSpaces || touch(out, tokens[t + 1] ?? '') ? ' ' : '';
    else out += isName(token, out) ? (names.get(token) ?? token) : token;
  }
  return out;
}

/** Not names: attributes, built-in values, and the components of a vector. */
const isName = (token, before) =>
  NAME.test(token) && !/@(?:builtin\()?$/.test(before) && !(before.endsWith('.') && SWIZZLE.test(token));

const touch = (before, after) => /\w$/.test(before) && /^\w/.test(after);

function joined(text, line) {
  const last = text.slice(text.lastIndexOf('\n') + 1);
  const apart = text !== '' && (KEEPS_LINE.test(last) || KEEPS_LINE.test(line) || touch(text, line));
  return `${text}${apart ? '\n' : ''}${line}`;
}
