/** The minified kernels: the same programs under shorter names, and the same text operations apply to them. */
import { describe, expect, it, vi } from 'vitest';
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { describeKernel, manifest, minifiedManifest, preambleOf } from '../../build/kernels.mjs';
import { stripWgsl, wgslMinifier } from '../../build/minify-wgsl.mjs';
import * as readableSoftware from '../../src/gpu/software.js';
import { tileConstants } from '../../src/kernels/expand.js';
import * as readableSource from '../../src/kernels/source.js';
import type { KernelName, Variant } from '../../src/kernels/variants.js';
import { kernelNames, plannedVariants } from '../kernels/planned.js';

const readable = manifest();
const minified = minifiedManifest();

type Sources = typeof readableSource & typeof readableSoftware;

/** `kernelSource` and `textOf` as they run in the bundles: over the minified texts. */
const minifiedSource = await (async (): Promise<Sources> => {
  vi.resetModules();
  vi.doMock('../../src/kernels/manifest.generated.js', () => ({ PARTS: minified.parts, KERNELS: minified.kernels }));
  vi.doMock('../../src/kernels/software.generated.js', () => ({ SOFTWARE: minified.software }));
  return { ...(await import('../../src/kernels/source.js')), ...(await import('../../src/gpu/software.js')) };
})();

const programOf = (
  { kernelSource, textOf }: Sources,
  { kernels }: ReturnType<typeof manifest>,
  ...[name, variant, precision]: readonly [KernelName, Variant, readableSource.Precision]
): string => kernelSource(name, variant, precision, textOf(name, kernels[name].source, variant, precision).source);

const words = (source: string): string[] => source.match(/\w+|[^\s\w]/g) ?? [];

/** The names that changed, when that is all that changed: one for one, everywhere alike. */
function renaming(before: string, after: string): Map<string, string> {
  const [from, to] = [words(before), words(after)];
  const there = new Map<string, string>();
  const back = new Map<string, string>();
  const differences = from.filter((word, w) => {
    const short = to[w] ?? '';
    // An attribute and a component of a vector are no names: they stay, whatever is called so.
    const component = from[w - 1] === '.' && /^([xyzw]{1,4}|[rgba]{1,4})$/.test(word);
    if (component || from[w - 1] === '@') return short !== word;
    const [known, original] = [there.get(word) ?? short, back.get(short) ?? word];
    there.set(word, short);
    back.set(short, word);
    return known !== short || original !== word;
  });
  expect(differences).toEqual([]);
  expect(to.length).toBe(from.length);
  return there;
}

describe('every minified kernel', () => {
  it.each(kernelNames)('%s: has the same bindings, offsets, entry point and constants', (name) => {
    const [before, after] = [readable.kernels[name], minified.kernels[name]];
    const found = describeKernel(after.source, preambleOf(minified.parts));
    expect(Object.values(found.bindings)).toEqual(Object.values(before.bindings));
    expect(Object.values(found.params)).toEqual(Object.values(before.params));
    expect(tileConstants(after.source)).toEqual(tileConstants(before.source));
    const reflected = new WgslReflect(`${preambleOf(minified.parts)}\n${after.source}`);
    const original = new WgslReflect(`${preambleOf(readable.parts)}\n${before.source}`);
    expect(reflected.entry.compute.map((entry) => entry.name)).toEqual(['main']);
    expect(reflected.overrides.map((o) => o.name)).toEqual(original.overrides.map((o) => o.name));
  });

  it.each(kernelNames)('%s: gives for every variant the readable text’s program under other names', (name) => {
    for (const planned of plannedVariants(name)) {
      for (const storage of ['f32', 'f16'] as const) {
        for (const variant of [planned, { ...planned, inPlace: true }]) {
          const precision = { activations: storage, weights: storage };
          const asWritten = { ...readableSource, ...readableSoftware };
          renaming(
            programOf(asWritten, readable, name, variant, precision),
            programOf(minifiedSource, minified, name, variant, precision),
          );
        }
      }
    }
  });
});

describe('wgslMinifier', () => {
  const minify = (source: string): string => {
    const stripped = stripWgsl(source);
    return wgslMinifier([stripped])(stripped);
  };

  it('keeps the lines that the expander reads, and what is looked up by name', () => {
    const text = minify(
      'const TILE = 2u; // tile\nfn main() { // why\n  for (var m = 0u; m < TILE; m++) { // unroll\n  }\n}',
    );
    expect(text.split('\n')).toEqual([
      'const TILE = 2u; // tile',
      'fn main(){',
      expect.stringMatching(/^for \(var (\w) = 0u; \1 < TILE; \1\+\+\) \{ \/\/ unroll$/),
      '}}',
    ]);
  });

  it('tells a component from a variable of that name, and keeps built-in values', () => {
    const source =
      'fn f(@builtin(workgroup_id) workgroup_id: vec3u, x: vec2f) -> f32 {\nlet y = x.y * x.x;\nreturn y;\n}';
    const changed = renaming(source.replace('(workgroup_id)', '()'), minify(source).replace('(workgroup_id)', '()'));
    expect(minify(source)).toContain('@builtin(workgroup_id)');
    expect([...changed].filter(([from, to]) => from === to).map(([from]) => from)).toContain('vec3u');
  });

  it('never takes a name that the text has already, or a word of the language', () => {
    const locals = Array.from({ length: 400 }, (_, i) => `let local${i} = e + t;`).join('\n');
    const text = minify(`fn main() {\n${locals}\n}`);
    const taken = [...text.matchAll(/let (\w+)=/g)].map(([, name]) => name);
    expect(new Set(taken).size).toBe(400);
    for (const word of ['e', 't', 'if', 'do', 'fn', 'as']) expect(taken).not.toContain(word);
  });
});
