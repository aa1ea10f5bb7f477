/** `serve`: the demo on this computer, under the strict Content-Security-Policy that it promises to work with. */
import { join } from 'node:path';
import { BENCH_CSP, BENCH_FOLDERS } from './bench-pages.js';
import { type Command, parse, print, UsageError } from './command.js';
import { PACKAGE } from './files.js';
import { type ServerOptions, STRICT_CSP, startServer } from './server.js';

const DEFAULT_PORT = 8080;

/** What the demo page needs, for `serve` and for the tests. */
export const DEMO: ServerOptions = {
  folders: {
    '/': join(PACKAGE, 'dist/demo'),
    '/dist/': join(PACKAGE, 'dist'),
    '/samples/': join(PACKAGE, 'demo/samples'),
    '/weights/': join(PACKAGE, 'weights'),
    ...BENCH_FOLDERS,
  },
  // The other libraries that bench.html measures cannot run under the demo's own policy.
  csp: (path) => (path.startsWith('/bench') ? BENCH_CSP : STRICT_CSP),
};

export const serve: Command = {
  usage: `[--port N]\n\nServes the demo on 127.0.0.1; port ${DEFAULT_PORT} by default.`,
  async run(args) {
    const { values } = parse(args, { port: { type: 'string' } });
    const port = Number(values.port ?? DEFAULT_PORT);
    if (!Number.isInteger(port) || port < 0 || port > 65535)
      throw new UsageError(`--port is ${values.port}; it must be 0 to 65535`);
    const server = await startServer({ ...DEMO, port }).catch((cause) => {
      throw new Error(`port ${port} cannot be used (${cause.message}): choose another with --port`, { cause });
    });
    print(`The demo is at ${server.origin}/, the benchmark at ${server.origin}/bench.html (stop with Ctrl+C)`);
    await new Promise((resolve) => process.once('SIGINT', resolve));
    await server.close();
    return 0;
  },
};
