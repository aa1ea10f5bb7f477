/**
 * Programs against the packed package's declarations, under each way to resolve modules and with each source of WebGPU's
 * types, all declarations checked.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPacked, NPM } from './packed.js';

const MODULES = join(fileURLToPath(new URL('../../', import.meta.url)), 'node_modules');
/** The compiler that dpdm brings: the last one written in JavaScript, whose DOM library has no WebGPU. */
const TYPESCRIPT_5 = createRequire(join(MODULES, 'dpdm/package.json')).resolve('typescript/package.json');

const COMPILERS = {
  'TypeScript 7': join(MODULES, 'typescript/bin/tsc'),
  'TypeScript 5': join(TYPESCRIPT_5, '../bin/tsc'),
};

/** Each line behind `@ts-expect-error` has to be an error, and no other may be one. */
const MODULE = `
import { DenseNet, type DenseNetError, isDenseNetError, type LoadOptions, type Prediction } from 'densenet-webgpu';
import { importCheckpoint, isDenseNetError as isOurs, writeModel } from 'densenet-webgpu/import';
import * as whole from 'densenet-webgpu/whole';

export async function use(options: LoadOptions, caught: unknown): Promise<unknown> {
  const image = { data: new Uint8Array(16), width: 2, height: 2 };
  const net = await DenseNet.load('model.safetensors', { ...options, precision: 'f16' });
  const best: Prediction[] = await net.classify(image);
  const lists: Prediction[][] = await net.classify([image, image]);
  const { logits } = await net.run({ data: new Float32Array(12), shape: [1, 3, 2, 2] });
  const { tensors, metadata } = await importCheckpoint(new Uint8Array(), 'model.pth');
  const same: DenseNet = await whole.DenseNet.load(writeModel(tensors, metadata));
  const names = [...net.plan.steps.map(({ name }) => name), ...(same.labels ?? [])];
  const width: number = (await net.explain(image, { classIndex: 1 })).overlay(8, 8).width;
  if (isDenseNetError(caught) && caught.name === 'ImageError') names.push(caught.message);
  const ours: DenseNetError | null = isOurs(caught) ? caught : null;
  // @ts-expect-error
  net.classify(42);
  // @ts-expect-error
  net.classify(null);
  // @ts-expect-error
  net.classify({});
  // @ts-expect-error
  net.classify([image, 42]);
  // @ts-expect-error
  net.run({ data: 42, shape: [1, 3, 2, 2] });
  // @ts-expect-error
  DenseNet.load('model.safetensors', { device: 42 });
  // @ts-expect-error
  DenseNet.load('model.safetensors', { gpu: {} });
  // @ts-expect-error
  DenseNet.load('model.safetensors', { signal: 42 });
  // @ts-expect-error
  DenseNet.load(42);
  // @ts-expect-error
  net.noSuchMethod();
  // @ts-expect-error
  net.engine;
  return [best, lists, logits, width, ours];
}
`;

/** Where the program knows WebGPU. */
const WITH_WEBGPU = `
import { DenseNet } from 'densenet-webgpu';

export async function use(gpu: GPU, device: GPUDevice, buffer: GPUBuffer, texture: GPUTexture): Promise<void> {
  const net = await DenseNet.load('model.safetensors', { gpu, device });
  await net.classify(texture);
  const { logits } = await net.run({ data: buffer, shape: [1, 3, 2, 2] });
  const values: Float32Array = logits;
  const onGpu = await net.run({ data: buffer, shape: [1, 3, 2, 2] }, { output: 'gpu-buffer' });
  const kept: GPUBuffer = onGpu.data;
  const features: readonly [number, number] = (await net.embed(texture, { output: 'gpu-buffer' })).shape;
  // @ts-expect-error
  net.run({ data: kept, shape: [1, 3, 2, 2] }, { output: 'gpu' });
  // @ts-expect-error
  onGpu.logits;
  // @ts-expect-error
  net.classify(buffer);
  // @ts-expect-error
  DenseNet.load('model.safetensors', { device: gpu });
  use(gpu, device, kept, texture).then(() => [values, features]);
}
`;

const WITH_DOM = `
import { DenseNet } from 'densenet-webgpu';

export async function use(net: DenseNet, image: HTMLImageElement, canvas: OffscreenCanvas, file: File): Promise<ImageData> {
  await net.classify([image, canvas, file]);
  // @ts-expect-error
  net.classify(document.body);
  return (await net.explain(image)).toImageData();
}
`;

/** A plain script beside the package's. */
const SCRIPT = `
/// <reference types="densenet-webgpu/iife" />
async function start(): Promise<DenseNetWebGPU.DenseNet> {
  return DenseNetWebGPU.DenseNet.load('model.safetensors');
}
`;

/** `node16` knows no import attributes in TypeScript 5; `nodenext` demands them. */
const catalog = (attributes: string) =>
  `import catalog from 'densenet-webgpu/weights/catalog.json'${attributes};\nexport const { checkpoints } = catalog;\n`;
const ATTRIBUTES = " with { type: 'json' }";

const RESOLUTIONS = [
  ['bundler', 'esnext', ATTRIBUTES],
  ['node16', 'node16', ''],
  ['nodenext', 'nodenext', ATTRIBUTES],
] as const;
const LIB = ['es2022', 'dom', 'dom.iterable'];

describe.skipIf(!NPM)('the packed package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-webgpu-types-'));

  /** What the compiler prints for these files. */
  function compile(compiler: string, files: Readonly<Record<string, string>>, options: object): string {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const common = { target: 'es2022', strict: true, noEmit: true, skipLibCheck: false, resolveJsonModule: true };
    const config = { compilerOptions: { ...common, ...options }, files: Object.keys(files) };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    return spawnSync(process.execPath, [compiler, '-p', '.'], { cwd: folder, encoding: 'utf8' }).stdout;
  }

  beforeAll(() => {
    installPacked(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    mkdirSync(join(folder, 'node_modules/@webgpu'));
    symlinkSync(join(MODULES, '@webgpu/types'), join(folder, 'node_modules/@webgpu/types'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  describe.each(Object.entries(COMPILERS))('%s', (name, compiler) => {
    it('is the compiler that it is called here', () => {
      const { version } = JSON.parse(readFileSync(join(compiler, '../../package.json'), 'utf8'));
      expect(version).toMatch(name === 'TypeScript 7' ? /^7\./ : /^5\.9\./);
    });

    describe.each(RESOLUTIONS)('%s', (moduleResolution, module, attributes) => {
      const options = { module, moduleResolution, lib: LIB, types: [] };

      it('type-checks without @webgpu/types', () => {
        const files = { 'module.ts': MODULE, 'dom.ts': WITH_DOM, 'catalog.ts': catalog(attributes) };
        expect(compile(compiler, files, options)).toBe('');
      });

      it('type-checks with @webgpu/types', () => {
        const files = { 'module.ts': MODULE, 'webgpu.ts': WITH_WEBGPU };
        const printed = compile(compiler, files, { ...options, types: ['@webgpu/types'] });
        // TypeScript 7 has WebGPU in its DOM library, which @webgpu/types declares again: errors of those two.
        const lines = printed
          .split('\n')
          .filter((line) => !/^\S*(lib\.dom|@webgpu\/types\/\S*)\.d\.ts\(|^ /.test(line));
        expect(lines.join('\n')).toBe('');
      });
    });

    it('type-checks as a plain script with a global', () => {
      const options = { module: 'esnext', moduleResolution: 'bundler', lib: LIB, types: [] };
      expect(compile(compiler, { 'script.ts': SCRIPT }, options)).toBe('');
    });

    it('type-checks in a program that knows neither the DOM nor WebGPU', () => {
      const options = { module: 'nodenext', lib: ['es2022'], types: [] };
      expect(compile(compiler, { 'module.ts': MODULE }, options)).toBe('');
    });
  });
});
