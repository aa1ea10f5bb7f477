/** An HTTP server on the loopback address: for the demo, the bundles, and the data of a browser run. */
import { randomBytes } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.gif': 'image/gif',
  '.wasm': 'application/wasm',
};

/** Allows only the page's own files; images that a user drops are blobs. */
export const STRICT_CSP =
  "default-src 'self'; script-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'";

/** Isolates pages from other origins, which SharedArrayBuffer and precise clocks require. */
const ISOLATION_HEADERS: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-cache',
};

/** What becomes of a POST to one path. */
export interface PostHandler {
  /** A longer body is refused with 413, and not kept. */
  readonly maxBytes: number;
  readonly receive: (body: Buffer) => void;
}

export interface ServerOptions {
  /** URL prefix → folder; the longest prefix wins. A request for a folder gives its index.html. */
  readonly folders?: Readonly<Record<string, string>>;
  /** URL → bytes; looked up before the folders. */
  readonly files?: ReadonlyMap<string, Uint8Array | string>;
  /** The handler of a POST to a path, or undefined where there is none; without it every POST is refused. */
  readonly onPost?: (path: string) => PostHandler | undefined;
  /** Content-Security-Policy, one for all paths or by path; by default {@link STRICT_CSP}. */
  readonly csp?: string | ((path: string) => string);
  /** Headers of every response; by default those that isolate a page from other origins. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly port?: number;
  /**
   * For the data of one run: every path begins with a random token, and requests of other origins are refused. Pages
   * then use relative URLs.
   */
  readonly isPrivate?: boolean;
}

export interface RunningServer {
  readonly origin: string;
  /** The address of the path `/`, with the token of a private server; ends in a slash. */
  readonly base: string;
  close(): Promise<void>;
}

/** Listens on 127.0.0.1, on a free port unless one is given. @throws when the port is taken */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const prefix = options.isPrivate ? `/${randomBytes(16).toString('hex')}` : '';
  const server = createServer((request, response) => {
    respond(request, response, prefix, options).catch((error) => end(response, 500, String(error)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const origin = `http://127.0.0.1:${portOf(server)}`;
  return { origin, base: `${origin}${prefix}/`, close: () => closeServer(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  prefix: string,
  options: ServerOptions,
): Promise<void> {
  if (!isFromHere(request, options.isPrivate ?? false)) {
    return end(response, 403, 'this server answers its own pages only, under 127.0.0.1 and localhost');
  }
  const asked = pathOf(request.url ?? '');
  if (asked === 'malformed') return end(response, 400, 'the path is not valid percent-encoding');
  // One reply for a wrong token and for a missing file.
  if (asked === null || !asked.startsWith(`${prefix}/`)) return end(response, 404, 'there is nothing at this path');
  const path = asked.slice(prefix.length);
  for (const [name, value] of Object.entries(options.headers ?? ISOLATION_HEADERS)) response.setHeader(name, value);
  const { csp = STRICT_CSP } = options;
  const policy = typeof csp === 'string' ? csp : csp(path);
  if (policy) response.setHeader('Content-Security-Policy', policy);
  if (request.method === 'POST' && options.onPost) return receive(request, response, options.onPost(path));
  if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405, 'method not allowed');
  const body = options.files?.get(path) ?? (await readFromFolders(path, options.folders ?? {}));
  if (body === undefined) return end(response, 404, 'there is nothing at this path');
  const name = path.endsWith('/') ? '.html' : extname(path);
  response.setHeader('Content-Type', TYPES[name] ?? 'application/octet-stream');
  response.setHeader('Content-Length', typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength);
  response.writeHead(200).end(request.method === 'HEAD' ? undefined : body);
}

/**
 * Whether a request may be answered. The Host must be this computer's own name, so that no page of another site can
 * reach the server by a DNS name that it points here. A POST, and every request to a private server, must not come from
 * a page of another origin.
 */
function isFromHere({ headers, method }: IncomingMessage, isPrivate: boolean): boolean {
  const { host = '', origin, 'sec-fetch-site': site } = headers;
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host)) return false;
  if (!isPrivate && method !== 'POST') return true;
  const isSameOrigin = origin === undefined || origin === `http://${host}`;
  return isSameOrigin && (site === undefined || site === 'same-origin' || site === 'none');
}

/** The decoded path of a request, or null for one that no file can have. */
function pathOf(url: string): string | 'malformed' | null {
  const [encoded = ''] = url.split(/[?#]/, 1);
  try {
    const path = decodeURIComponent(encoded);
    return path.startsWith('/') && !/\/\/|\0|\/\.\.(\/|$)/.test(path) ? path : null;
  } catch {
    return 'malformed';
  }
}

/** A regular file of the folder that the path belongs to; none that a symlink leads to outside of the folder. */
async function readFromFolders(
  path: string,
  folders: Readonly<Record<string, string>>,
): Promise<Uint8Array | undefined> {
  const prefixes = Object.keys(folders).filter((prefix) => path.startsWith(prefix));
  const prefix = prefixes.sort((a, b) => b.length - a.length)[0];
  const folder = prefix === undefined ? undefined : folders[prefix];
  if (prefix === undefined || folder === undefined) return undefined;
  try {
    const root = await realpath(folder);
    const file = await realpath(join(root, path.slice(prefix.length), path.endsWith('/') ? 'index.html' : ''));
    if (!file.startsWith(root + sep) || !(await stat(file)).isFile()) return undefined;
    return await readFile(file);
  } catch {
    return undefined;
  }
}

async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  handler: PostHandler | undefined,
): Promise<void> {
  if (!handler) return end(response, 404, 'there is nothing to post to at this path');
  const { maxBytes } = handler;
  const chunks: Buffer[] = [];
  let bytes = Number(request.headers['content-length'] ?? 0);
  if (bytes <= maxBytes) {
    bytes = 0;
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      bytes += chunk.length;
      if (bytes > maxBytes) break;
      chunks.push(chunk);
    }
  }
  if (bytes > maxBytes) {
    // The rest of the body is not read.
    response.setHeader('Connection', 'close').once('finish', () => request.destroy());
    return end(response, 413, `the body is longer than ${maxBytes} bytes`);
  }
  handler.receive(Buffer.concat(chunks));
  end(response, 204, '');
}

function end(response: ServerResponse, status: number, text: string): void {
  if (!response.headersSent) response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(text);
}
