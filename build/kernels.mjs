/** shaders/*.wgsl → the typed manifest src/plan/kernels.generated.ts, readable there and minified in the bundles. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { stripWgsl, wgslMinifier } from './minify-wgsl.mjs';

const SHADERS = fileURLToPath(new URL('../shaders', import.meta.url));
const MANIFEST = fileURLToPath(new URL('../src/plan/kernels.generated.ts', import.meta.url));
const PROBES = fileURLToPath(new URL('../src/profile/probes.generated.ts', import.meta.url));
/** What reads kernels as text. */
const READERS = ['source', 'expand'].map((name) => fileURLToPath(new URL(`../src/plan/${name}.ts`, import.meta.url)));

const TEXTURES = { texture_2d: 'texture', texture_external: 'external-texture' };

/** Name → text of a folder's WGSL files. */
const wgslIn = (folder) =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((name) => name.endsWith('.wgsl'))
      .sort()
      .map((name) => [basename(name, '.wgsl'), readFileSync(join(folder, name), 'utf8')]),
  );

const mapValues = (entries, change) =>
  Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, change(value)]));

function bindingKind(variable) {
  const type = variable.type?.name ?? '';
  if (type in TEXTURES) return TEXTURES[type];
  if (variable.resourceType === 0) return 'uniform';
  return variable.access === 'read_write' ? 'storage' : 'read-only-storage';
}

/** What the TypeScript side must know of one kernel, by reflection, so that a mismatch is a type error. */
export function describeKernel(source, preamble) {
  const reflect = new WgslReflect(`${preamble}\n${source}`);
  const resources = [...reflect.storage, ...reflect.uniforms, ...reflect.textures, ...reflect.samplers];
  resources.sort((a, b) => a.binding - b.binding);
  const [params] = reflect.uniforms;
  return {
    bindings: resources.map((r) => ({ name: r.name, binding: r.binding, kind: bindingKind(r) })),
    params: Object.fromEntries(
      (params?.type.members ?? []).map((m) => [m.name, { offset: m.offset, type: m.type.name }]),
    ),
    paramsBytes: params?.size ?? 0,
  };
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
  return { parts, kernels };
}

/** The same with minified texts; bindings and parameters keep the names that the TypeScript side knows. */
export function minifiedManifest() {
  const { parts, kernels } = manifest();
  const texts = [...Object.values(parts), ...Object.values(kernels).map(({ source }) => source)];
  const minify = wgslMinifier(texts, READERS.map((file) => readFileSync(file, 'utf8')).join('\n'));
  return {
    parts: mapValues(parts, minify),
    kernels: mapValues(kernels, (kernel) => ({ ...kernel, source: minify(kernel.source) })),
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
  const { parts, kernels } = manifest();
  writeFileSync(
    MANIFEST,
    `// Made by build.mjs from shaders/*.wgsl; not to be edited.\n` +
      `export const PARTS = ${JSON.stringify(parts, null, 2)} as const;\n` +
      `export const KERNELS = ${JSON.stringify(kernels, null, 2)} as const;\n`,
  );
  return Object.keys(kernels).length;
}

/**
 * esbuild plugin: what a bundle carries of the manifest.
 *
 * @param {RegExp | undefined} facts kernels of which it needs bindings and parameters alone; without it, everything
 */
export const minifiedKernels = (facts) => ({
  name: 'minified-kernels',
  setup({ onLoad }) {
    const { parts, kernels } = minifiedManifest();
    const some = Object.entries(kernels).flatMap(([name, { source, ...rest }]) =>
      facts?.test(name) ? [[name, rest]] : [],
    );
    const carried = facts ? { PARTS: {}, KERNELS: Object.fromEntries(some) } : { PARTS: parts, KERNELS: kernels };
    const contents = `export const PARTS = ${JSON.stringify(carried.PARTS)}, KERNELS = ${JSON.stringify(carried.KERNELS)};`;
    onLoad({ filter: /kernels\.generated\.ts$/ }, () => ({ contents, loader: 'js' }));
    const small = mapValues(probes(), (source) => wgslMinifier([source])(source));
    onLoad({ filter: /probes\.generated\.ts$/ }, () => ({
      contents: `export const PROBES = ${JSON.stringify(small)};`,
      loader: 'js',
    }));
  },
});
