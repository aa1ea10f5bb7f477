/** Runs a network in a headless browser: the built bundle on a page, which gets its data from a local server. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TapResult } from '../api.js';
import { DenseNetError, type DenseNetErrorName, DownloadError, ImageError } from '../core/errors.js';
import { launchBrowser, withTimeout } from './browser.js';
import { PACKAGE } from './files.js';
import type { BrowserKind } from './installed-browsers.js';
import type { Classified, Runner, RunnerOptions } from './runner.js';
import { startServer } from './server.js';

const PAGE =
  '<!doctype html><meta charset="utf-8"><title>densenet-webgpu</title><script type="module" src="/page.js"></script>';
/** The longest that one call on the page may take; software GPUs are slow. */
const CALL_MS = 180_000;

/** An error thrown on the page, with its name and message. */
class PageError extends DenseNetError {
  constructor(
    override readonly name: DenseNetErrorName,
    message: string,
  ) {
    super(message);
  }
}

type Reply<T> = { readonly value: T } | { readonly error: { readonly name: string; readonly message: string } };

/** The page's global, defined by {@link PAGE_SCRIPT}; arguments and replies are plain data. */
declare const runner: {
  load(options: RunnerOptions): Promise<Reply<Pick<Runner, 'adapter' | 'tuning'>>>;
  classify(image: { name: string; topK: number }): Promise<Reply<Classified>>;
  taps(shape: readonly number[]): Promise<Reply<Record<string, readonly number[]>>>;
};

export async function openBrowserRunner(kind: BrowserKind, model: Uint8Array, options: RunnerOptions): Promise<Runner> {
  const files = new Map<string, Uint8Array | string>([
    ['/', PAGE],
    ['/page.js', PAGE_SCRIPT],
    ['/model', model],
  ]);
  const posted = new Map<string, Buffer>();
  const onPost = (url: string, body: Buffer) => void posted.set(url, body);
  const browser = await launchBrowser(kind);
  const server = await startServer({ folders: { '/dist/': join(PACKAGE, 'dist') }, files, onPost });
  const close = async () => {
    await browser.close();
    await server.close();
  };
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(CALL_MS);
    await page.goto(`${server.origin}/`);
    await page.waitForFunction('globalThis.runner !== undefined');
    const { adapter, tuning } = await callPage(
      'load',
      page.evaluate((o) => runner.load(o), options),
    );
    return {
      backend: kind,
      adapter,
      tuning,
      async classify(path, topK) {
        files.set('/image', readImage(path));
        return callPage(
          'classify',
          page.evaluate((image) => runner.classify(image), { name: path, topK }),
        );
      },
      async taps(data, shape) {
        files.set('/tensor', new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        const shapes = await callPage(
          'taps',
          page.evaluate((s) => runner.taps(s), shape),
        );
        return new Map(Object.entries(shapes).map(([name, tapShape]) => [name, tapOf(name, tapShape, posted)]));
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function callPage<T>(method: string, call: Promise<Reply<T>>): Promise<T> {
  const reply = await withTimeout(CALL_MS, `the page did not answer to ${method}`, call);
  if ('value' in reply) return reply.value;
  const { name, message } = reply.error;
  throw isErrorName(name) ? new PageError(name, message) : new Error(`${name}: ${message}`);
}

const ERROR_NAMES: Readonly<Record<DenseNetErrorName, true>> = {
  WebGPUUnavailableError: true,
  LimitError: true,
  ModelFormatError: true,
  ModelShapeError: true,
  DownloadError: true,
  IntegrityError: true,
  ImageError: true,
  TensorShapeError: true,
  OptionError: true,
  ShaderError: true,
  OutOfMemoryError: true,
  DeviceLostError: true,
  TimeoutError: true,
  QueueFullError: true,
  RefusedError: true,
  PrecisionOverflowError: true,
  AbortedError: true,
  DisposedError: true,
};

const isErrorName = (name: string): name is DenseNetErrorName => Object.hasOwn(ERROR_NAMES, name);

function readImage(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ImageError(`${path} cannot be read: check the path`, { cause });
  }
}

function tapOf(name: string, shape: readonly number[], posted: ReadonlyMap<string, Buffer>): TapResult {
  const body = posted.get(`/tap/${name}`);
  if (!body) throw new DownloadError(name, null, `the page did not send the tap ${name}`);
  return { shape, data: new Float32Array(new Uint8Array(body).buffer) };
}

/** Runs on the page, under a strict Content-Security-Policy. */
const PAGE_SCRIPT = `
import { DenseNet } from '/dist/densenet-webgpu.js';
let net;
const methods = {
  async load(options) {
    net = await DenseNet.load('/model', options);
    return { adapter: net.adapter, tuning: net.tuning };
  },
  async classify({ topK, name }) {
    const blob = await (await fetch('/image')).blob();
    let image;
    try {
      image = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
    } catch {
      throw Object.assign(new Error(name + ' cannot be decoded by this browser: it is not an image, or damaged'), { name: 'ImageError' });
    }
    const start = performance.now();
    const top = await net.classify(image, { topK });
    const milliseconds = performance.now() - start;
    image.close();
    return { top, milliseconds };
  },
  async taps(shape) {
    const data = new Float32Array(await (await fetch('/tensor')).arrayBuffer());
    const taps = await net.taps({ data, shape });
    for (const [name, tap] of taps) await fetch('/tap/' + name, { method: 'POST', body: tap.data });
    return Object.fromEntries([...taps].map(([name, tap]) => [name, tap.shape]));
  },
};
/** An error is sent to the command as its name and message. */
const replying = (method) => async (argument) => {
  try {
    return { value: await method(argument) };
  } catch (error) {
    return { error: { name: error.name, message: error.message } };
  }
};
globalThis.runner = Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, replying(method)]));
`;
