/** shaders/*.wgsl → the typed manifest src/kernels/manifest.generated.ts, readable there and minified in the bundles. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { stripWgsl, wgslMinifier } from './minify-wgsl.mjs';

const SHADERS = fileURLToPath(new URL('../shaders', import.meta.url));
const SOFTWARE = fileURLToPath(new URL('../src/kernels/software.generated.ts', import.meta.url));
const MANIFEST = fileURLToPath(new URL('../src/kernels/manifest.generated.ts', import.meta.url));
const PROBES = fileURLToPath(new URL('../src/runtime/profile/probes.generated.ts', import.meta.url));
/** What reads kernels as text, by names in its strings and expressions. */
const READERS = ['kernels/source', 'kernels/expand', 'gpu/software'].map((name) =>
  fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url)),
);

/** What resembles each other most comes first and side by side, where gzip finds it cheapest. */
const ALIKE = ['conv1x1', 'transition', 'conv3x3', 'stem'];

/** Name → text of a folder's WGSL files. */
function wgslIn(folder) {
  const names = readdirSync(folder).flatMap((file) => (file.endsWith('.wgsl') ? [basename(file, '.wgsl')] : []));
  const order = new Set([...ALIKE.filter((name) => names.includes(name)), ...names.sort()]);
  return Object.fromEntries([...order].map((name) => [name, readFileSync(join(folder, `${name}.wgsl`), 'utf8')]));
}

const mapValues = (entries, change) =>
  Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, change(value)]));

function bindingKind(variable) {
  const type = variable.type?.name ?? '';
  if (type === 'texture_2d') return 'texture';
  if (variable.resourceType === 0) return 'uniform';
  return variable.access === 'read_write' ? 'storage' : 'read-only-storage';
}

/**
 * What the TypeScript side must know of one kernel, by reflection, so that a mismatch is a type error: its bindings by
 * name, in the order of their numbers; its parameters by name, in the order in which they lie in the uniform struct.
 */
export function describeKernel(source, preamble) {
  const reflect = new WgslReflect(`${preamble}\n${source}`);
  const resources = [...reflect.storage, ...reflect.uniforms, ...reflect.textures, ...reflect.samplers];
  resources.sort((a, b) => a.binding - b.binding);
  if (resources.some(({ binding }, place) => binding !== place)) throw new Error('bindings are not numbered from 0 on');
  const fields = reflect.uniforms[0]?.type.members ?? [];
  checkFields(fields);
  return {
    bindings: Object.fromEntries(resources.map((r) => [r.name, bindingKind(r)])),
    params: Object.fromEntries(fields.map((field) => [field.name, field.type.name])),
  };
}

/** What src/gpu/params.ts relies on: it knows three types, and finds each field by those before it. */
function checkFields(fields) {
  const sizes = { u32: 4, f32: 4, vec4f: 16 };
  let end = 0;
  for (const { name, offset, type } of fields) {
    const size = sizes[type.name];
    if (offset !== Math.ceil(end / size) * size) throw new Error(`the parameter ${name} lies where none is looked for`);
    end = offset + size;
  }
  if (end > 256) throw new Error(`${end} bytes of parameters are more than one aligned block`);
}

/** Storage in f32, for the reflection of kernels that stand for every precision. */
export const preambleOf = (parts) => `${parts.activations_f32}\n${parts.weights_f32}`;

/** Every kernel, and every part that one is assembled from, readable. */
export function manifest() {
  const parts = mapValues(wgslIn(join(SHADERS, 'parts')), stripWgsl);
  const kernels = mapValues(wgslIn(SHADERS), (text) => {
    const source = stripWgsl(text);
    return { source, ...describeKernel(source, preambleOf(parts)) };
  });
  return { parts, kernels, software: softwareOf(kernels, parts) };
}

/** What software alone needs, in a file apart: a text that stands in for conv3x3's, and parts. */
function softwareOf({ conv3x3 }, parts) {
  const software = mapValues(wgslIn(join(SHADERS, 'apart')), stripWgsl);
  const { bindings, params } = describeKernel(software.winograd, preambleOf(parts));
  if (JSON.stringify([bindings, params]) !== JSON.stringify([conv3x3.bindings, conv3x3.params]))
    throw new Error('shaders/apart/winograd.wgsl does not bind what shaders/conv3x3.wgsl does');
  return software;
}

/** The same with minified texts; bindings and parameters keep the names that the TypeScript side knows. */
export function minifiedManifest() {
  const { parts, kernels, software } = manifest();
  const { winograd, ...places } = software;
  const texts = [...Object.values(kernels).map(({ source }) => source), winograd];
  const reader = READERS.flatMap((file) => readFileSync(file, 'utf8').match(/'.*?'|= \/.*\/g?;/g) ?? []).join('\n');
  const minify = wgslMinifier(texts, [...Object.values(parts), ...Object.values(places)], reader);
  return {
    parts: mapValues(parts, minify),
    kernels: mapValues(kernels, (kernel) => ({ ...kernel, source: minify(kernel.source) })),
    software: mapValues(software, minify),
  };
}

/** The probes that measure an adapter, which no network runs. */
const probes = () => mapValues(wgslIn(join(SHADERS, 'probes')), stripWgsl);

/** @returns how many kernels there are */
export function writeManifest() {
  writeFileSync(
    PROBES,
    `// Made by build.mjs from shaders/probes/*.wgsl; not to be edited.\n` +
      `export const PROBES = ${JSON.stringify(probes(), null, 2)} as const;\n`,
  );
  const { parts, kernels, software } = manifest();
  writeFileSync(
    SOFTWARE,
    `// Made by build.mjs from shaders/apart/*.wgsl; not to be edited.\n` +
      `export const SOFTWARE = ${JSON.stringify(software, null, 2)} as const;\n`,
  );
  writeFileSync(
    MANIFEST,
    `// Made by build.mjs from shaders/*.wgsl; not to be edited.\n` +
      `export const PARTS = ${JSON.stringify(parts, null, 2)} as const;\n` +
      `export const KERNELS = ${JSON.stringify(kernels, null, 2)} as const;\n`,
  );
  return Object.keys(kernels).length;
}

/** esbuild plugin: what a bundle carries of the manifest. */
export const minifiedKernels = () => ({
  name: 'minified-kernels',
  setup({ onLoad }) {
    const { parts, kernels, software } = minifiedManifest();
    onLoad({ filter: /software\.generated\.ts$/ }, () => ({
      contents: `export const SOFTWARE = ${JSON.stringify(software)};`,
      loader: 'js',
    }));
    const contents = `export const PARTS = ${JSON.stringify(parts)}, KERNELS = ${JSON.stringify(kernels)};`;
    onLoad({ filter: /manifest\.generated\.ts$/ }, () => ({ contents, loader: 'js' }));
    const small = mapValues(probes(), (source) => wgslMinifier([source])(source));
    onLoad({ filter: /probes\.generated\.ts$/ }, () => ({
      contents: `export const PROBES = ${JSON.stringify(small)};`,
      loader: 'js',
    }));
  },
});
