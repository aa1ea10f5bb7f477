/**
 * Tensor names of any known scheme → canonical names. Renames only: shapes and values stay as they are, except that a
 * 1×1 convolution that serves as the head becomes the matrix it is.
 */
import { ModelShapeError } from '../core/errors.js';
import type { Tensor, TensorMap } from '../tensor/tensor.js';
import { CANONICAL, CLASSIFIERS, IGNORED, LEAVES, type Role, SCHEMES, type Scheme } from './schemes.js';

export interface CanonicalTensors {
  /** The name of the row of {@link SCHEMES} that fitted best. */
  readonly scheme: string;
  /** By canonical name. Tensors that no role took keep their own name and are for the shape check to report. */
  readonly tensors: TensorMap;
  /** Canonical name → name in the file. */
  readonly sources: ReadonlyMap<string, string>;
}

/**
 * @param tensors as the file names them, with any dotted prefix before all of them (`module.`, `backbone.` …)
 * @throws ModelShapeError when no scheme knows a single dense layer, or two tensors claim one place
 */
export function canonicalise(tensors: TensorMap): CanonicalTensors {
  const names = [...tensors.keys()].filter((name) => !IGNORED.test(name));
  const best = bestReading(names);
  if (!best) throw unknownScheme(names);
  const renamed = new Map<string, Tensor>();
  const sources = new Map<string, string>();
  for (const [name, canonical] of best.names) {
    const tensor = tensors.get(name);
    const rival = sources.get(canonical);
    if (rival !== undefined) throw claimedTwice(canonical, rival, name);
    if (!tensor) continue;
    sources.set(canonical, name);
    renamed.set(canonical, { ...tensor, name: canonical, shape: headShape(canonical, tensor.shape) });
  }
  return { scheme: best.scheme, tensors: renamed, sources };
}

/**
 * The body's tensors under the scheme that fits best, without any head.
 *
 * @returns canonical name → name in the file; `null` when no scheme knows a single dense layer
 * @throws ModelShapeError when two tensors claim one name
 */
export function readBody(tensors: TensorMap): Pick<CanonicalTensors, 'scheme' | 'sources'> | null {
  const best = bestReading([...tensors.keys()]);
  if (!best) return null;
  const sources = new Map<string, string>();
  for (const [name, canonical] of best.names) {
    if (!best.body.has(name)) continue;
    const rival = sources.get(canonical);
    if (rival !== undefined) throw claimedTwice(canonical, rival, name);
    sources.set(canonical, name);
  }
  return { scheme: best.scheme, sources };
}

function bestReading(names: readonly string[]): Reading | null {
  let best: Reading | null = null;
  for (const scheme of SCHEMES) {
    const reading = readNames(names, scheme);
    if (reading && (!best || reading.known > best.known)) best = reading;
  }
  return best;
}

interface Reading {
  readonly scheme: string;
  /** Name in the file → canonical name, or the same name where no role knows it. */
  readonly names: ReadonlyMap<string, string>;
  /** Names in the file of what the scheme itself knows: all but the head. */
  readonly body: ReadonlySet<string>;
  readonly known: number;
}

/** Reads all names under one scheme, or `null` when not one dense layer is recognised. */
function readNames(names: readonly string[], scheme: Scheme): Reading | null {
  const prefix = bodyPrefix(names, scheme);
  if (prefix === null) return null;
  const body = compile(scheme.modules);
  const heads = compile({ classifier: CLASSIFIERS, hidden: [CANONICAL.hidden] });
  const above = ancestors(prefix);
  const read = new Map<string, string>();
  const inBody = new Set<string>();
  let known = 0;
  for (const name of names) {
    const own = name.startsWith(prefix) ? translate(name.slice(prefix.length), body) : null;
    if (own !== null) inBody.add(name);
    const canonical = own ?? readHead(name, above, heads);
    if (canonical !== null) known++;
    read.set(name, canonical ?? name);
  }
  return { scheme: scheme.name, names: read, body: inBody, known };
}

function readHead(name: string, prefixes: readonly string[], heads: readonly Matcher[]): string | null {
  for (const prefix of prefixes) {
    const canonical = name.startsWith(prefix) ? translate(name.slice(prefix.length), heads) : null;
    if (canonical !== null) return canonical;
  }
  return null;
}

/** What stands before the names of dense layers, most often if it varies: `module.features.`, or nothing. */
function bodyPrefix(names: readonly string[], scheme: Scheme): string | null {
  const layers = scheme.modules.norm1.map((template) => new RegExp(`^(|.*\\.)${pattern(template)}\\.running_mean$`));
  const counts = new Map<string, number>();
  for (const name of names) {
    for (const layer of layers) {
      const prefix = layer.exec(name)?.[1];
      if (prefix !== undefined) counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
  }
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}

/** `a.b.` → `a.b.`, `a.`, ``: where a head may stand that belongs to a body under `a.b.`. */
function ancestors(prefix: string): string[] {
  const parts = prefix.split('.').slice(0, -1);
  return [...parts.keys(), parts.length].reverse().map((n) =>
    parts
      .slice(0, n)
      .map((part) => `${part}.`)
      .join(''),
  );
}

interface Matcher {
  readonly role: Role;
  readonly expression: RegExp;
  /** What the file adds to our count of blocks and layers. */
  readonly offsets: { readonly b: number; readonly i: number };
}

function compile(modules: Partial<Readonly<Record<Role, readonly string[]>>>): Matcher[] {
  const matchers: Matcher[] = [];
  for (const role of ROLES) {
    for (const template of modules[role] ?? []) {
      const offsets = { b: offsetOf('b', template), i: offsetOf('i', template) };
      matchers.push({ role, expression: new RegExp(`^${pattern(template)}\\.(?<leaf>\\w+)$`), offsets });
    }
  }
  return matchers;
}

const ROLES = Object.keys(CANONICAL).filter((key): key is Role => Object.hasOwn(CANONICAL, key));

/** A template as the text of a regular expression; `{n}` is any number that carries no meaning. */
function pattern(template: string): string {
  return template
    .replace(/[./]/g, '\\$&')
    .replace(/\{n\}/g, '\\d+')
    .replace(/\{([bi])([+-]\d)?\}/g, '(?<$1>\\d{1,6})');
}

function offsetOf(variable: 'b' | 'i', template: string): number {
  return Number(new RegExp(`\\{${variable}([+-]\\d)\\}`).exec(template)?.[1] ?? 0);
}

function translate(name: string, matchers: readonly Matcher[]): string | null {
  for (const { role, expression, offsets } of matchers) {
    const groups = expression.exec(name)?.groups;
    if (!groups) continue;
    const leaf = LEAVES[groups.leaf ?? ''];
    if (!leaf) return null;
    const module = CANONICAL[role]
      .replace('{b}', String(Number(groups.b) - offsets.b))
      .replace('{i}', String(Number(groups.i) - offsets.i));
    return `${module}.${leaf}`;
  }
  return null;
}

/** [classes, channels, 1, 1] → [classes, channels]. */
function headShape(canonical: string, shape: readonly number[]): readonly number[] {
  const [classes, channels, height, width] = shape;
  const isConvolution = canonical === 'classifier.weight' && shape.length === 4 && height === 1 && width === 1;
  return isConvolution && classes !== undefined && channels !== undefined ? [classes, channels] : shape;
}

function unknownScheme(names: readonly string[]): ModelShapeError {
  const some = names.slice(0, 5).map((name) => `"${name}"`);
  const known = SCHEMES.map((scheme) => scheme.name).join(', ');
  return new ModelShapeError(
    `not a DenseNet that we know: none of its ${names.length} tensors is named like a dense layer's first batch norm ` +
      `under any known scheme (${known}); its names begin ${some.join(', ') || '(none)'}`,
    { missing: ['features.denseblock1.denselayer1.norm1.running_mean'], extra: names, misshaped: [] },
  );
}

function claimedTwice(canonical: string, first: string, second: string): ModelShapeError {
  return new ModelShapeError(
    `two tensors would both be ${canonical}: "${first}" and "${second}"; a head of several layers is read by "import"`,
    { missing: [], extra: [second], misshaped: [] },
  );
}
