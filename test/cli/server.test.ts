/** The local server of the demo and the commands: what it serves, with which headers, and what it refuses. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, STRICT_CSP, startServer } from '../../src/cli/server.js';

let server: RunningServer;
const root = mkdtempSync(join(tmpdir(), 'densenet-webgpu-server-'));

beforeAll(async () => {
  mkdirSync(join(root, 'public/folder'), { recursive: true });
  mkdirSync(join(root, 'public-not'));
  writeFileSync(join(root, 'secret.txt'), 'not for the web');
  writeFileSync(join(root, 'public-not/secret.txt'), 'not for the web');
  writeFileSync(join(root, 'public/index.html'), '<!doctype html>');
  writeFileSync(join(root, 'public/code.js'), 'export {};');
  writeFileSync(join(root, 'public/picture with space.png'), 'png');
  symlinkSync('../secret.txt', join(root, 'public/link.txt'));
  symlinkSync('..', join(root, 'public/parent'));
  symlinkSync('code.js', join(root, 'public/inner-link.js'));
  symlinkSync('public', join(root, 'linked'));
  const folders = { '/': join(root, 'public'), '/linked/': join(root, 'linked') };
  server = await startServer({ folders, files: new Map([['/made', 'made']]) });
});

afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** As sent: `fetch` would clean the path up. */
function send(url: string, path: string, method = 'GET', headers: OutgoingHttpHeaders = {}, body?: Buffer) {
  return new Promise<Reply>((resolve, reject) => {
    const { hostname: host, port } = new URL(url);
    const sent = request({ host, port, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }));
    });
    sent.on('error', reject).end(body);
  });
}

async function get(path: string, method = 'GET') {
  const { status, body, headers } = await send(server.origin, path, method);
  const csp = String(headers['content-security-policy']);
  return { status, type: headers['content-type'] ?? '', body, csp };
}

describe('the server', () => {
  it.each([
    ['/', 'text/html; charset=utf-8', '<!doctype html>'],
    ['/code.js?version=1', 'text/javascript; charset=utf-8', 'export {};'],
    ['/picture%20with%20space.png', 'image/png', 'png'],
    ['/made', 'application/octet-stream', 'made'],
    ['/inner-link.js', 'text/javascript; charset=utf-8', 'export {};'],
    ['/linked/code.js', 'text/javascript; charset=utf-8', 'export {};'],
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
    '//',
    '//code.js',
    '/folder//',
    '/link.txt',
    '/parent/secret.txt',
    '/folder',
    '/folder/',
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

  it('answers no request under another host name, as a page would send whose DNS name points here', async () => {
    const { port } = new URL(server.origin);
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      `127.0.0.1.evil.example:${port}`,
    ])
      expect(await send(server.origin, '/', 'GET', { host }), host).toMatchObject({ status: 403 });
    for (const host of [`localhost:${port}`, 'localhost:1']) // the second through a forwarded port
      expect(await send(server.origin, '/', 'GET', { host }), host).toMatchObject({ status: 200 });
  });
});

describe('a private server', () => {
  const received: Buffer[] = [];
  const MAX_BYTES = 1000;
  let run: RunningServer;
  /** The path with the run's token. */
  const own = (path: string) => new URL(run.base).pathname + path;

  beforeAll(async () => {
    const receive = (body: Buffer) => void received.push(body);
    run = await startServer({
      files: new Map([['/model', 'weights']]),
      onPost: (path) => (path === '/tap' ? { maxBytes: MAX_BYTES, receive } : undefined),
      isPrivate: true,
    });
  });
  afterAll(() => run.close());

  it('has a random token in front of every path', async () => {
    expect(own('')).toMatch(/^\/[0-9a-f]{32}\/$/);
    expect((await send(run.origin, own('model'))).body).toBe('weights');
    const other = own('').replace(/[0-9a-f]/g, (digit) => (digit === '0' ? '1' : '0'));
    for (const path of ['/model', '/', own('none'), `${other}model`, own('').slice(0, -1), `/x${own('model')}`])
      expect(await send(run.origin, path), path).toMatchObject({ status: 404 });
    const again = await startServer({ isPrivate: true });
    expect(new URL(again.base).pathname).not.toBe(own(''));
    await again.close();
  });

  const FOREIGN: readonly OutgoingHttpHeaders[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { host: 'evil.example' },
  ];
  it.each(FOREIGN)('refuses requests with %j', async (headers) => {
    expect(await send(run.origin, own('model'), 'GET', headers)).toMatchObject({ status: 403 });
    expect(await send(run.origin, own('tap'), 'POST', headers, Buffer.from('forged'))).toMatchObject({ status: 403 });
    expect(received).toEqual([]);
  });

  it('keeps bodies of its own page up to their limit, and no others', async () => {
    const headers = { origin: run.origin, 'sec-fetch-site': 'same-origin' };
    const post = (path: string, body: Buffer, more: OutgoingHttpHeaders = {}) =>
      send(run.origin, own(path), 'POST', { ...headers, ...more }, body).then(({ status }) => status);
    expect(await post('tap', Buffer.alloc(MAX_BYTES, 1))).toBe(204);
    expect(received.splice(0)).toEqual([Buffer.alloc(MAX_BYTES, 1)]);
    expect(await post('other', Buffer.alloc(1))).toBe(404);
    expect(await post('tap', Buffer.alloc(MAX_BYTES + 1))).toBe(413);
    // Of unknown length, and too long by far: the connection is closed before 64 MiB have been sent.
    let mebibytes = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (mebibytes++ === 64) controller.close();
        else controller.enqueue(new Uint8Array(2 ** 20));
      },
    });
    const options = { method: 'POST', body, duplex: 'half' }; // undici's, which the DOM's types lack
    const sending = fetch(`${run.base}tap`, options);
    expect(await sending.then(({ status }) => status).catch(() => 'closed')).toBeOneOf([413, 'closed']);
    expect(mebibytes).toBeLessThan(64);
    expect(received).toEqual([]);
  });
});
