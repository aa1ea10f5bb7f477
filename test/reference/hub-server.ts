/** A server that answers as the Hugging Face Hub does: files by repository and revision, its headers, its redirections. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { RunningServer } from '../../src/cli/server.js';

export interface Repository {
  /** By revision; `main` where none is asked for. */
  readonly revisions: Readonly<Record<string, Readonly<Record<string, Uint8Array | string>>>>;
  readonly gated?: boolean;
}

export interface HubServer extends Omit<RunningServer, 'base'> {
  /** `METHOD /path` of every request, in order. */
  readonly requests: string[];
}

export async function startHub(repositories: Readonly<Record<string, Repository>>): Promise<HubServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request, response, repositories);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const close = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { origin: `http://127.0.0.1:${port}`, requests, close };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  repositories: Readonly<Record<string, Repository>>,
): void {
  response.setHeader('Access-Control-Allow-Origin', '*');
  response.setHeader('Access-Control-Expose-Headers', 'X-Error-Code,X-Error-Message');
  const [, stored, owner, name, revision = '', file = ''] =
    /^\/(stored\/)?([^/]+)\/([^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(request.url ?? '') ?? [];
  const repository = repositories[`${owner}/${name}`];
  // Without an account the Hub does not tell private from missing repositories.
  const files = repository?.revisions[decodeURIComponent(revision)];
  const body = files?.[file];
  const [status, code] = !repository
    ? ([401, 'RepoNotFound'] as const)
    : repository.gated
      ? ([401, 'GatedRepo'] as const)
      : files
        ? ([404, 'EntryNotFound'] as const)
        : ([404, 'RevisionNotFound'] as const);
  if (body === undefined) {
    response.writeHead(status, { 'X-Error-Code': code }).end(code);
    return;
  }
  if (file.endsWith('.safetensors') && !stored) {
    response.writeHead(302, { Location: `/stored${request.url}` }).end();
    return;
  }
  if (stored && request.method !== 'GET') {
    response.writeHead(403).end(); // the address is signed for GET
    return;
  }
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  response.writeHead(200, { 'Content-Length': bytes.length, 'Content-Type': 'application/octet-stream' });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}
