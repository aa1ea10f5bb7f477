/** shaders/**.wgsl → typed manifests in src: the texts without comments, and what TypeScript must know of each kernel. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Parts whose types the kernels' bindings have. */
const SHARED_PARTS = ['activations_f32', 'weights_f32', 'products_f32', 'norm_alone'];
/** Parts that declare a binding of a kernel. */
const BINDING_PARTS = { conv3x3: ['bordered'] };
/** A value for every constant that a variant's tile sets, for reflection. */
const TILE = ['TILE_PIXELS', 'TILE_QUADS', 'WORKGROUP', 'SPLIT_K', 'KERNEL', 'STRIDE', 'CHANNELS'];

const stripComments = (text) =>
  text
    .split('\n')
    .map((line) => line.replace(/\s*\/\/.*$/, '').trimEnd())
    .filter((line) => line !== '')
    .join('\n');

/** Name → text of a folder's WGSL files. */
function readShaders(folder) {
  const path = join(ROOT, 'shaders', folder);
  const files = readdirSync(path).filter((file) => file.endsWith('.wgsl'));
  return Object.fromEntries(
    files.map((file) => [basename(file, '.wgsl'), stripComments(readFileSync(join(path, file), 'utf8'))]),
  );
}

function bindingKind({ type, resourceType, access }) {
  if (type?.name === 'texture_2d') return 'texture';
  if (resourceType === 0) return 'uniform';
  return access === 'read_write' ? 'storage' : 'read-only-storage';
}

/**
 * A kernel's bindings in the order of their numbers, and the fields of its uniform struct in the order in which they lie
 * there, so that a step that does not fit its kernel is a type error.
 */
export function describeKernel(source, preamble) {
  const { storage, uniforms, textures, samplers } = new WgslReflect(`${preamble}\n${source}`);
  const resources = [...storage, ...uniforms, ...textures, ...samplers].sort((a, b) => a.binding - b.binding);
  if (resources.some(({ binding }, i) => binding !== i))
    throw new Error('bindings must be numbered from 0 without gaps');
  const fields = uniforms[0]?.type.members ?? [];
  checkFields(fields);
  return {
    bindings: Object.fromEntries(resources.map((resource) => [resource.name, bindingKind(resource)])),
    params: Object.fromEntries(fields.map((field) => [field.name, field.type.name])),
  };
}

/** Checks what src/gpu/params.ts relies on: three types, each field behind the one before, at most 256 bytes. */
function checkFields(fields) {
  const sizes = { u32: 4, f32: 4, vec4f: 16 };
  let end = 0;
  for (const { name, offset, type } of fields) {
    const size = sizes[type.name];
    if (offset !== Math.ceil(end / size) * size)
      throw new Error(`the parameter ${name} is not where params.ts puts it`);
    end = offset + size;
  }
  if (end > 256) throw new Error(`the parameters take ${end} bytes: at most 256 fit`);
}

/** Directives go to the head of a module, so they are kept beside the text that they are for. */
function splitDirectives(text) {
  const lines = text.split('\n');
  const isDirective = (line) => line.startsWith('enable ');
  return { directives: lines.filter(isDirective), source: lines.filter((line) => !isDirective(line)).join('\n') };
}

/** @returns the number of kernels */
export function writeManifests() {
  const parts = mapValues(readShaders('parts'), splitDirectives);
  const constants = TILE.map((name) => `const ${name} = 1u;`);
  const sources = readShaders('.');
  const kernels = mapValues(sources, (source, name) => {
    const before = [...SHARED_PARTS, ...(BINDING_PARTS[name] ?? [])].map((part) => parts[part].source);
    return describeKernel(source, [...constants, ...before].join('\n'));
  });
  write(
    'src/kernels/manifest.generated.ts',
    `export const KERNELS = ${JSON.stringify(kernels, null, 2)} as const;`,
    record('SOURCES', sources, 'string'),
    record('PARTS', parts, '{ readonly directives: readonly string[]; readonly source: string }'),
  );
  write('src/runtime/profile/probes.generated.ts', record('PROBES', readShaders('probes'), 'string'));
  return Object.keys(kernels).length;
}

const mapValues = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));

/** Typed by its keys alone: the type of a constant with texts would repeat the texts in the declarations. */
function record(name, object, type) {
  const keys = Object.keys(object).map((key) => `'${key}'`);
  return `export const ${name}: Readonly<Record<${keys.join(' | ')}, ${type}>> = ${JSON.stringify(object, null, 2)};`;
}

function write(file, ...statements) {
  const lines = ['// Made by build.mjs from shaders/; not to be edited.', ...statements];
  writeFileSync(join(ROOT, file), `${lines.join('\n')}\n`);
}
