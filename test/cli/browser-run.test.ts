/** The local server behind `--backend chrome`: while a run lasts, nobody else on this computer gets anything from it. */
import type { Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openBrowserRunner } from '../../src/cli/browser-runner.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import type { Runner } from '../../src/cli/runner.js';
import { readBytes } from '../reference/fixtures.js';

/** Servers that the code under test has made. */
const servers: Server[] = [];
vi.mock('node:http', async (original) => {
  const http = await original<typeof import('node:http')>();
  const createServer: typeof http.createServer = (...args: unknown[]) => {
    const server: Server = Reflect.apply(http.createServer, http, args);
    servers.push(server);
    return server;
  };
  return { ...http, createServer };
});

const MODEL = fileURLToPath(new URL('../../weights/default.safetensors', import.meta.url));

describe.skipIf(!findBrowser('chrome'))('a run in Chrome', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await openBrowserRunner('chrome', readBytes(MODEL), { precision: 'f32' });
  });
  afterAll(() => runner?.close());

  it('works through a server that gives nothing without its token', async () => {
    const shape = [1, 3, 32, 32] as const;
    const taps = await runner.taps(new Float32Array(3 * 32 * 32), shape);
    expect([...(taps.get('logits')?.data ?? [])]).toHaveLength(10);
    const address = servers.find(({ listening }) => listening)?.address();
    if (typeof address !== 'object' || address === null) throw new Error('no server is running');
    expect(address.address).toBe('127.0.0.1');
    const origin = `http://127.0.0.1:${address.port}`;
    for (const path of ['/', '/model', '/tensor', '/page.js', '/densenet-webgpu.js', '/dist/densenet-webgpu.js'])
      expect([path, (await fetch(origin + path)).status]).toEqual([path, 404]);
    const post = await fetch(`${origin}/tap/logits`, { method: 'POST', body: 'forged' });
    expect(post.status).toBe(404);
  });
});
