/** A static HTTP server on the loopback address: for the demo, the bundles, and the data of a browser run. */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';

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

export interface ServerOptions {
  /** URL prefix → folder; the longest prefix wins. A request for a folder gives its index.html. */
  readonly folders: Readonly<Record<string, string>>;
  /** URL → bytes; looked up before the folders. */
  readonly files?: ReadonlyMap<string, Uint8Array | string>;
  /** Called with the body of a POST and its URL; without it POST is refused. */
  readonly onPost?: (url: string, body: Buffer) => void;
  /** Content-Security-Policy, one for all paths or by path; by default {@link STRICT_CSP}. */
  readonly csp?: string | ((path: string) => string);
  /** Headers of every response; by default those that isolate a page from other origins. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly port?: number;
}

export interface RunningServer {
  readonly origin: string;
  close(): Promise<void>;
}

/** Listens on 127.0.0.1, on a free port unless one is given. @throws when the port is taken */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const server = createServer((request, response) => {
    answer(request, response, options).catch((error) => {
      end(response, error instanceof URIError ? 400 : 500, String(error));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return { origin: `http://127.0.0.1:${portOf(server)}`, close: () => closeServer(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

async function answer(request: IncomingMessage, response: ServerResponse, options: ServerOptions): Promise<void> {
  const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
  for (const [name, value] of Object.entries(options.headers ?? ISOLATION_HEADERS)) response.setHeader(name, value);
  const { csp = STRICT_CSP } = options;
  const policy = typeof csp === 'string' ? csp : csp(path);
  if (policy) response.setHeader('Content-Security-Policy', policy);
  if (request.method === 'POST' && options.onPost) {
    options.onPost(path, await bodyOf(request));
    return end(response, 204, '');
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405, 'method not allowed');
  const body = options.files?.get(path) ?? (await fromFolders(path, options.folders));
  if (body === undefined) return end(response, 404, `${path} is not here`);
  const name = path.endsWith('/') ? '.html' : extname(path);
  response.setHeader('Content-Type', TYPES[name] ?? 'application/octet-stream');
  response.setHeader('Content-Length', typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength);
  response.writeHead(200).end(request.method === 'HEAD' ? undefined : body);
}

async function fromFolders(path: string, folders: Readonly<Record<string, string>>): Promise<Uint8Array | undefined> {
  const prefixes = Object.keys(folders).filter((prefix) => path.startsWith(prefix));
  const prefix = prefixes.sort((a, b) => b.length - a.length)[0];
  if (prefix === undefined) return undefined;
  const folder = normalize(folders[prefix] ?? '');
  const file = normalize(join(folder, path.slice(prefix.length), path.endsWith('/') ? 'index.html' : ''));
  if (!file.startsWith(folder.endsWith(sep) ? folder : folder + sep) || file.includes('\0')) return undefined;
  try {
    return await readFile(file);
  } catch {
    return undefined;
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function end(response: ServerResponse, status: number, text: string): void {
  if (!response.headersSent) response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(text);
}
