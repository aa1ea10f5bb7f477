/** `serve`: serves the demo and the benchmark's page on this computer, the demo under a strict Content-Security-Policy. */
import { join } from 'node:path';
import { type Command, parse, UsageError } from './command.js';
import { PACKAGE } from './files.js';
import { type ServerOptions, STRICT_CSP, startServer } from './server.js';
import { print } from './terminal.js';

const DEFAULT_PORT = 8080;

/** Allows the demo to fetch a picture whose address the user pastes, and models of the Hugging Face Hub. */
const DEMO_CSP = `${STRICT_CSP}; connect-src 'self' https:`;

/** Allows what the benchmark's other libraries need: WebAssembly, workers from blobs, generated code. */
export const BENCH_CSP = [
  "default-src 'self' blob: data:",
  "script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval' blob:",
  "worker-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "object-src 'none'",
  "base-uri 'none'",
].join('; ');

/** The benchmark's pages and its other libraries: URL prefix → folder. */
export const BENCH_FOLDERS: Readonly<Record<string, string>> = {
  '/bench/': join(PACKAGE, 'dist/demo/bench'),
  '/bench/ort/': join(PACKAGE, 'node_modules/onnxruntime-web/dist'),
  '/bench/tfjs/': join(PACKAGE, 'node_modules/@tensorflow/tfjs-backend-wasm/dist'),
  '/bench/litert/': join(PACKAGE, 'node_modules/@litertjs/core/wasm'),
  '/bench/tflite/': join(PACKAGE, '.cache/tflite'),
  '/dist/': join(PACKAGE, 'dist'),
};

/** Server options for the demo page, for `serve` and for the tests. */
export const DEMO: ServerOptions = {
  folders: {
    '/': join(PACKAGE, 'dist/demo'),
    '/dist/': join(PACKAGE, 'dist'),
    '/samples/': join(PACKAGE, 'demo/samples'),
    '/weights/': join(PACKAGE, 'weights'),
    ...BENCH_FOLDERS,
  },
  csp: (path) => (path.startsWith('/bench') ? BENCH_CSP : DEMO_CSP),
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
