/** Runs a network in a headless browser: the built bundle on a page, which gets its data from a local server. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SaveOptions, TapResult, TeachOptions } from '../api.js';
import { DenseNetError, type DenseNetErrorName, DownloadError } from '../core/errors.js';
import { launchBrowser, withTimeout } from './browser.js';
import { PACKAGE } from './files.js';
import type { BrowserKind } from './installed-browsers.js';
import type { Classified, Runner, RunnerImage, RunnerOptions } from './runner.js';
import { type PostHandler, startServer } from './server.js';

const PAGE =
  '<!doctype html><meta charset="utf-8"><title>densenet-webgpu</title><script type="module" src="page.js"></script>';
/** The longest that one call on the page may take; software GPUs are slow. */
const CALL_MS = 180_000;
/** The stem of DenseNet-121 for 300 images of 224×224 takes 230 MiB. */
const MAX_TAP_BYTES = 2 ** 28;

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

/** An image on the server: a file to decode, or the pixels of one of this size. */
interface PageImage {
  readonly size: readonly [width: number, height: number] | null;
}

/** The page's global, defined by {@link PAGE_SCRIPT}; arguments and replies are plain data. */
declare const runner: {
  load(options: RunnerOptions): Promise<Reply<Pick<Runner, 'adapter' | 'tuning'>>>;
  classify(image: PageImage & { readonly topK: number }): Promise<Reply<Classified>>;
  taps(shape: readonly number[]): Promise<Reply<Record<string, readonly number[]>>>;
  teach(classes: { readonly classes: readonly string[]; readonly options: TeachOptions }): Promise<Reply<null>>;
  addExample(example: PageImage & { readonly label: string | null }): Promise<Reply<null>>;
  train(options: SaveOptions): Promise<Reply<{ readonly accuracy: number | null }>>;
};

export async function openBrowserRunner(kind: BrowserKind, model: Uint8Array, options: RunnerOptions): Promise<Runner> {
  const files = new Map<string, Uint8Array | string>([
    ['/', PAGE],
    ['/page.js', PAGE_SCRIPT],
    ['/densenet-webgpu.js', readFileSync(join(PACKAGE, 'dist/densenet-webgpu.js'))],
    ['/favicon.ico', ''],
    ['/model', model],
  ]);
  /** The taps of the call that runs, and null between calls. */
  let taps: Map<string, Float32Array> | null = null;
  let taught: Uint8Array | null = null;
  const onPost = (path: string): PostHandler | undefined => {
    if (path === '/taught') {
      return {
        maxBytes: MAX_TAP_BYTES,
        receive: (body) => {
          taught = new Uint8Array(body);
        },
      };
    }
    const name = /^\/tap\/(\w+)$/.exec(path)?.[1];
    if (name === undefined || taps === null) return undefined;
    return {
      maxBytes: MAX_TAP_BYTES,
      receive: (body) => void taps?.set(name, new Float32Array(new Uint8Array(body).buffer)),
    };
  };
  const browser = await launchBrowser(kind);
  const server = await startServer({ files, onPost, isPrivate: true });
  const close = async () => {
    await browser.close();
    await server.close();
  };
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(CALL_MS);
    await page.goto(server.base);
    await page.waitForFunction('globalThis.runner !== undefined');
    const { adapter, tuning } = await callPage(
      'load',
      page.evaluate((o) => runner.load(o), options),
    );
    files.delete('/model');
    return {
      backend: kind,
      adapter,
      tuning,
      async classify(image, topK) {
        const argument = { ...serveImage(files, image), topK };
        return callPage(
          'classify',
          page.evaluate((i) => runner.classify(i), argument),
        );
      },
      async taps(data, shape) {
        files.set('/tensor', new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        taps = new Map();
        try {
          const shapes = await callPage(
            'taps',
            page.evaluate((s) => runner.taps(s), shape),
          );
          return collectTaps(shapes, taps);
        } finally {
          taps = null;
        }
      },
      async teach(classes, options) {
        await callPage(
          'teach',
          page.evaluate((t) => runner.teach(t), { classes, options }),
        );
        return {
          async addExample(label, image) {
            const example = { ...serveImage(files, image), label };
            await callPage(
              'addExample',
              page.evaluate((e) => runner.addExample(e), example),
            );
          },
          async train(saving) {
            const { accuracy } = await callPage(
              'train',
              page.evaluate((s) => runner.train(s), saving),
            );
            if (!taught) throw new DownloadError('taught', null, 'the page did not send the taught model');
            return { accuracy, file: taught };
          },
        };
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Puts an image on the server, where the page takes it from. */
function serveImage(files: Map<string, Uint8Array | string>, { bytes, pixels }: RunnerImage): PageImage {
  files.set('/image', pixels?.data ?? bytes);
  return { size: pixels ? [pixels.width, pixels.height] : null };
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
  CacheError: true,
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

/** @throws DownloadError when the page has not sent one of them */
function collectTaps(
  shapes: Readonly<Record<string, readonly number[]>>,
  received: ReadonlyMap<string, Float32Array>,
): Map<string, TapResult> {
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const data = received.get(name);
      if (!data) throw new DownloadError(name, null, `the page did not send the tap ${name}`);
      return [name, { shape, data }];
    }),
  );
}

/** Runs on the page, under a strict Content-Security-Policy. */
const PAGE_SCRIPT = `
import { DenseNet } from './densenet-webgpu.js';
let net;
let teacher;
const methods = {
  async load(options) {
    net = await DenseNet.load('model', options);
    return { adapter: net.adapter, tuning: net.tuning };
  },
  async classify({ size, topK }) {
    const image = await fetchImage(size);
    const start = performance.now();
    const top = await net.classify(image, { topK });
    const milliseconds = performance.now() - start;
    image.close?.();
    return { top, milliseconds };
  },
  async taps(shape) {
    const data = new Float32Array(await (await fetch('tensor')).arrayBuffer());
    const taps = await net.taps({ data, shape });
    for (const [name, tap] of taps) await fetch('tap/' + name, { method: 'POST', body: tap.data });
    return Object.fromEntries([...taps].map(([name, tap]) => [name, tap.shape]));
  },
  async teach({ classes, options }) {
    teacher = net.teach(classes, options);
    return null;
  },
  async addExample({ size, label }) {
    const image = await fetchImage(size);
    await teacher.addExample(label, image);
    image.close?.();
    return null;
  },
  async train(options) {
    const { net: taught, accuracy } = await teacher.train();
    const body = await taught.toSafetensors(options);
    taught.dispose();
    await fetch('taught', { method: 'POST', body });
    return { accuracy };
  },
};
async function fetchImage(size) {
  const response = await fetch('image');
  if (!size) return decode(await response.blob());
  return { data: new Uint8Array(await response.arrayBuffer()), width: size[0], height: size[1] };
}
async function decode(blob) {
  try {
    return await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  } catch {
    const message = 'the image cannot be decoded: it is damaged, or of a kind that this browser lacks';
    throw Object.assign(new Error(message), { name: 'ImageError' });
  }
}
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
