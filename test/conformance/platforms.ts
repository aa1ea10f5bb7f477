/** Every WebGPU that may be installed here, and how to run the suite on it. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { Page } from 'puppeteer-core';
import { launchBrowser } from '../../src/cli/browser.js';
import { dawnGpu, findDriver, type VulkanDriver } from '../../src/cli/dawn.js';
import { PACKAGE } from '../../src/cli/files.js';
import { type BrowserKind, findBrowser } from '../../src/cli/installed-browsers.js';
import { type RunningServer, startServer } from '../../src/cli/server.js';
import type * as Package from '../../src/index.js';
import { addressOf, CONTEXTS, contextFiles } from './contexts.js';
import { DENO_PATH, DENO_SCRIPT, denoBinary, denoOf } from './deno.js';
import { fixtureFiles } from './fixtures.js';
import type { Extent } from './lab.js';
import { conform, type Report } from './suite.js';

export interface Platform {
  /** As in the README's table, which puts `version` behind the first word. */
  readonly name: string;
  readonly driver: string;
  /** The first runs all checks, also in the short form. */
  readonly contexts: readonly string[];
  /** Whether the slow checks run here. */
  readonly isQuickest?: true;
  /** What is not installed, or null. */
  readonly missing: () => string | null;
  readonly open: (server: RunningServer) => Promise<OpenPlatform>;
}

export interface OpenPlatform {
  readonly version: string;
  readonly run: (context: string, extent: Extent) => Promise<Report>;
  readonly close: () => Promise<void>;
}

/** The longest that one context may take for the whole suite. */
export const SUITE_MS = 240_000;

export const PLATFORMS: readonly Platform[] = [
  browser('Chrome', 'chrome', 'SwiftShader'),
  browser('Firefox', 'firefox', 'lavapipe'),
  { ...node('SwiftShader', 'swiftshader'), isQuickest: true },
  node('lavapipe', 'lavapipe'),
  deno(),
];

/** Serves bundles, fixtures (`isLong`: also those of the slow checks) and the files of the contexts. */
export async function serveSuite(isLong: boolean): Promise<RunningServer> {
  const files = new Map<string, Uint8Array | string>([...contextFiles(), ...(await fixtureFiles(isLong))]);
  files.set('/suite.js', await bundleSuite('esm'));
  files.set('/suite.iife.js', await bundleSuite('iife'));
  files.set(DENO_PATH, DENO_SCRIPT);
  return startServer({ files, folders: { '/dist/': join(PACKAGE, 'dist') } });
}

async function bundleSuite(format: 'esm' | 'iife'): Promise<Uint8Array> {
  const entryPoints = [join(PACKAGE, 'test/conformance/suite.ts')];
  const options = { bundle: true, write: false, target: 'es2022', globalName: 'conformance' } as const;
  const { outputFiles } = await build({ entryPoints, format, ...options });
  const [file] = outputFiles;
  if (!file) throw new Error('esbuild made no bundle of the suite');
  return file.contents;
}

function browser(name: string, kind: BrowserKind, driver: string): Platform {
  return {
    name,
    driver,
    contexts: CONTEXTS,
    missing: () => (findBrowser(kind) ? null : name),
    open: async (server) => {
      const launched = await launchBrowser(kind);
      return {
        version: (await launched.version()).match(/\/(\d+)/)?.[1] ?? '',
        run: async (context, extent) => {
          const page = await launched.newPage();
          const found = CONTEXTS.find((candidate) => candidate === context);
          if (!found) throw new Error(`a browser has no context "${context}"`);
          const report = await reportOf(page, `${server.origin}${addressOf(found, extent)}`);
          await page.close();
          return report;
        },
        close: () => launched.close(),
      };
    },
  };
}

/** @throws Error for errors on the page, violations of its CSP, and requests to other origins */
async function reportOf(page: Page, url: string): Promise<Report> {
  const complaints: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(url).origin)) complaints.push(`request to ${request.url()}`);
  });
  await page.goto(url);
  await page.waitForFunction('globalThis.report !== undefined');
  await page.waitForFunction('report.then(() => true, () => true)', { timeout: SUITE_MS });
  const answer: unknown = await page.evaluate('report.then(JSON.stringify, (error) => String(error))');
  const isReport = typeof answer === 'string' && answer.startsWith('{');
  if (!isReport || complaints.length > 0) throw new Error([String(answer), ...complaints].join('\n'));
  return JSON.parse(answer);
}

function node(driver: string, kind: VulkanDriver): Platform {
  return {
    name: 'Node, Dawn',
    driver,
    contexts: ['process'],
    missing: () => (process.platform !== 'linux' || findDriver(kind) ? null : `the Vulkan driver ${kind}`),
    open: async (server) => ({
      version: process.versions.node.split('.')[0] ?? '',
      run: async (_, extent) => {
        const densenet: typeof Package = await import(pathToFileURL(join(PACKAGE, 'dist/densenet-webgpu.js')).href);
        return conform({ densenet, gpu: await dawnGpu(kind), origin: server.origin, extent });
      },
      close: async () => undefined,
    }),
  };
}

function deno(): Platform {
  const binary = denoBinary();
  const driver = findDriver('lavapipe');
  return {
    name: 'Deno, wgpu',
    driver: 'lavapipe',
    contexts: ['process'],
    missing: () => (binary === null ? 'the npm package deno' : driver === null ? 'the Vulkan driver lavapipe' : null),
    open: async ({ origin }) => {
      const { version, report } = denoOf(binary ?? '', driver ?? '', SUITE_MS);
      return {
        version: await version(),
        run: async (_, extent) => JSON.parse(await report(origin, extent)),
        close: async () => undefined,
      };
    },
  };
}
