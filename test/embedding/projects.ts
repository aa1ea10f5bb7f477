/** The projects of docs/embedding.md: how each is built, and where it runs. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NPM } from '../cli/packed.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SOURCES = fileURLToPath(new URL('.', import.meta.url));

export interface Project {
  readonly name: string;
  /** As in the table of docs/embedding.md. */
  readonly title: string;
  /** Whether `npm test` runs it; `npm run embedding` runs all. */
  readonly isQuick: boolean;
  /** Builds the project in its folder. Returns the folder to serve, from the project's. */
  readonly build?: (folder: string) => string;
  /** Files of other projects that it uses, as paths from test/embedding to its own. */
  readonly shares?: Readonly<Record<string, string>>;
  /** Browsers that lack something it needs. */
  readonly notIn?: readonly 'firefox'[];
  /** The Content-Security-Policy of csp.txt does not allow what it does. */
  readonly isWithoutCsp?: boolean;
  /** What to press before there is an answer. */
  readonly button?: string;
  /** What its `<output>` says, where that is not the class of cat.png. */
  readonly answer?: RegExp;
  /** The packages whose versions the table shows. */
  readonly tools?: readonly string[];
}

export const PROJECTS: readonly Project[] = [
  { name: 'vite', title: 'Vite, the bundled model by `?url`', isQuick: true, build: vite, tools: ['vite'] },
  { name: 'worker', title: 'Vite, module worker', isQuick: true, build: vite, tools: ['vite'] },
  { name: 'react', title: 'Vite and React, `StrictMode`', isQuick: true, build: vite, tools: ['vite', 'react'] },
  { name: 'webpack', title: 'webpack', isQuick: false, build: webpack, tools: ['webpack'] },
  {
    ...{ name: 'next', title: 'Next.js, client component, static export', isQuick: false, build: next },
    ...{ shares: { 'react/use-densenet.jsx': 'app/use-densenet.jsx' }, tools: ['next'] },
    // Next.js writes inline scripts.
    ...{ isWithoutCsp: true, button: 'button' },
  },
  { name: 'script', title: 'plain script from a CDN', isQuick: true, isWithoutCsp: true },
  { name: 'service-worker', title: 'module service worker', isQuick: false, notIn: ['firefox'] },
  {
    name: 'video',
    title: 'video loop on a camera',
    isQuick: false,
    build: vite,
    notIn: ['firefox'],
    answer: /, \d/,
    tools: ['vite'],
  },
  { name: 'errors', title: 'errors and `isSupported()`', isQuick: false, build: vite, tools: ['vite'] },
  { name: 'offline', title: 'model cache', isQuick: false, build: vite, tools: ['vite'] },
  {
    name: 'gpu-buffer',
    title: 'features that stay on the GPU',
    isQuick: false,
    build: vite,
    answer: /^\d+ features, /,
    tools: ['vite'],
  },
];

/** As the sample picture is classified by the default model; f32 everywhere. */
export const CAT = /^cat, 77\.\d %$/;

type NodeEnv = 'development' | 'production';

/** Runs Node on a program in the folder. @throws Error with what it printed */
function node(NODE_ENV: NodeEnv, folder: string, ...args: string[]): void {
  const env = { ...process.env, NODE_ENV, NEXT_TELEMETRY_DISABLED: '1' };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} failed:\n${stdout}\n${stderr}`);
}

/** React checks more in development: it mounts every component twice. */
function vite(folder: string): string {
  node('development', folder, join(ROOT, 'node_modules/vite/bin/vite.js'), 'build');
  return 'dist';
}

function webpack(folder: string): string {
  node('production', folder, 'node_modules/webpack-cli/bin/cli.js');
  copyFileSync(join(folder, 'index.html'), join(folder, 'dist/index.html'));
  cpSync(join(folder, 'public'), join(folder, 'dist'), { recursive: true });
  return 'dist';
}

function next(folder: string): string {
  node('production', folder, 'node_modules/next/dist/bin/next', 'build');
  return 'out';
}

/**
 * A project in a folder of its own, with its packages and this one, the model and the picture in `public/`, and built.
 *
 * @param packed the folder of the packed package
 * @returns the folder to serve
 */
export function prepare({ name, build, shares = {} }: Project, packed: string): string {
  const folder = folderOf(packed, name);
  cpSync(join(SOURCES, name), folder, { recursive: true });
  for (const [from, to] of Object.entries(shares)) copyFileSync(join(SOURCES, from), join(folder, to));
  if (existsSync(join(folder, 'package-lock.json')))
    node('production', folder, NPM ?? '', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline');
  cpSync(packed, join(folder, 'node_modules/densenet-webgpu'), { recursive: true });
  const assets = build ? join(folder, 'public') : folder;
  mkdirSync(assets, { recursive: true });
  copyFileSync(join(ROOT, 'weights/default.safetensors'), join(assets, 'model.safetensors'));
  copyFileSync(join(ROOT, 'demo/samples/cat.png'), join(assets, 'cat.png'));
  if (!build) copyFileSync(join(packed, 'dist/densenet-webgpu.js'), join(folder, 'densenet-webgpu.js'));
  return build ? join(folder, build(folder)) : folder;
}

/** The project's folder, beside the packed package's and outside of this checkout, whose tsconfig.json bundlers would read. */
export const folderOf = (packed: string, name: string): string => join(dirname(dirname(packed)), 'projects', name);
