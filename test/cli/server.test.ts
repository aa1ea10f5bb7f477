/** The local server of the demo and the commands: what it serves, with which headers, and what it refuses. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, STRICT_CSP, startServer } from '../../src/cli/server.js';

let server: RunningServer;

beforeAll(async () => {
  const root = mkdtempSync(join(tmpdir(), 'densenet-webgpu-server-'));
  mkdirSync(join(root, 'public'));
  mkdirSync(join(root, 'public-not'));
  writeFileSync(join(root, 'secret.txt'), 'not for the web');
  writeFileSync(join(root, 'public-not/secret.txt'), 'not for the web');
  writeFileSync(join(root, 'public/index.html'), '<!doctype html>');
  writeFileSync(join(root, 'public/code.js'), 'export {};');
  writeFileSync(join(root, 'public/picture with space.png'), 'png');
  server = await startServer({ folders: { '/': join(root, 'public') }, files: new Map([['/made', 'made']]) });
});

afterAll(() => server.close());

/** As sent, without the clean-up that `fetch` does to paths. */
function get(path: string, method = 'GET') {
  return new Promise<{ status: number; type: string; body: string; csp: string }>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: new URL(server.origin).port, path, method }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers['content-type'] ?? '',
          body,
          csp: String(response.headers['content-security-policy']),
        }),
      );
    });
    sent.on('error', reject).end();
  });
}

describe('the server', () => {
  it.each([
    ['/', 'text/html; charset=utf-8', '<!doctype html>'],
    ['/code.js?version=1', 'text/javascript; charset=utf-8', 'export {};'],
    ['/picture%20with%20space.png', 'image/png', 'png'],
    ['/made', 'application/octet-stream', 'made'],
  ])('gives %s as %s', async (path, type, body) => {
    expect(await get(path)).toEqual({ status: 200, type, body, csp: STRICT_CSP });
  });

  it('isolates its pages from other origins, which precise clocks require', async () => {
    const { headers } = await fetch(server.origin);
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/..%5csecret.txt',
    '/../public-not/secret.txt',
    '/%2e%2e%2fpublic-not/secret.txt',
    '//etc/passwd',
    '/code.js%00.png',
    '/nothing',
  ])('has nothing at %s', async (path) => {
    const { status, body } = await get(path);
    expect([status, body.includes('not for the web')]).toEqual([404, false]);
  });

  it('rejects a malformed path and other methods', async () => {
    expect((await get('/%')).status).toBe(400);
    expect((await get('/', 'DELETE')).status).toBe(405);
    expect((await get('/', 'POST')).status).toBe(405);
    expect(await get('/', 'HEAD')).toMatchObject({ status: 200, body: '' });
  });

  it('rejects when its port is taken', async () => {
    const port = Number(new URL(server.origin).port);
    await expect(startServer({ folders: {}, port })).rejects.toThrow(/EADDRINUSE/);
  });
});
