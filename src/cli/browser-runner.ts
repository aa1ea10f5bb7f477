/** Runs a network in a headless browser: the built bundle on a page, which gets its data from a local server. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SaveOptions, TapResult, TeachOptions } from '../api.js';
import { assertDefined } from '../core/assert.js';
import { DenseNetError, type DenseNetErrorName, DownloadError } from '../core/errors.js';
import { launchBrowser, withTimeout } from './browser.js';
import { PACKAGE } from './files.js';
import type { BrowserKind } from './installed-browsers.js';
import type { Runner, RunnerOptions, Vector } from './runner.js';
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

/** An image on the server, at `image/ID`: a file to decode, or the pixels of one of this size. */
interface PageImage {
  readonly id: number;
  readonly size: readonly [width: number, height: number] | null;
}

/** A call whose results the page sends to `result/CALL/NAME`, and replies with their shapes. */
interface PageCall {
  readonly call: number;
  readonly images: readonly number[];
  readonly only: readonly Vector[];
}

type Shapes = Record<string, readonly number[]>;

/** The page's global, defined by {@link PAGE_SCRIPT}; arguments and replies are plain data. */
declare const runner: {
  load(options: RunnerOptions): Promise<Reply<Pick<Runner, 'adapter' | 'tuning'>>>;
  open(image: PageImage): Promise<Reply<null>>;
  predict(call: PageCall): Promise<Reply<Shapes>>;
  release(images: readonly number[]): Promise<Reply<null>>;
  taps(call: { readonly call: number; readonly shape: readonly number[] }): Promise<Reply<Shapes>>;
  teach(classes: { readonly classes: readonly string[]; readonly options: TeachOptions }): Promise<Reply<null>>;
  addExample(example: { readonly label: string | null; readonly image: number }): Promise<Reply<null>>;
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
  /** By call that runs: what the page has sent. */
  const results = new Map<string, Map<string, Float32Array>>();
  let last = 0;
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
    const [, call = '', name] = /^\/result\/(\d+)\/(\w+)$/.exec(path) ?? [];
    const received = results.get(call);
    if (name === undefined || received === undefined) return undefined;
    return {
      maxBytes: MAX_TAP_BYTES,
      receive: (body) => void received.set(name, new Float32Array(new Uint8Array(body).buffer)),
    };
  };
  const collect = async (method: string, start: (call: number) => Promise<Reply<Shapes>>) => {
    const call = ++last;
    const received = new Map<string, Float32Array>();
    results.set(String(call), received);
    try {
      return collectResults(await callPage(method, start(call)), received);
    } finally {
      results.delete(String(call));
    }
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
      async open({ bytes, pixels }) {
        const id = ++last;
        files.set(`/image/${id}`, pixels?.data ?? bytes);
        const image: PageImage = { id, size: pixels ? [pixels.width, pixels.height] : null };
        try {
          await callPage(
            'open',
            page.evaluate((i) => runner.open(i), image),
          );
        } finally {
          files.delete(`/image/${id}`);
        }
        return id;
      },
      async predict(images, only) {
        const found = await collect('predict', (call) =>
          page.evaluate((c) => runner.predict(c), { call, images, only }),
        );
        return new Map(only.map((name) => [name, assertDefined(found.get(name), name)]));
      },
      release: (images) => void page.evaluate((ids) => runner.release(ids), images).catch(() => {}),
      async taps(data, shape) {
        files.set('/tensor', new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        return collect('taps', (call) => page.evaluate((c) => runner.taps(c), { call, shape }));
      },
      async teach(classes, options) {
        await callPage(
          'teach',
          page.evaluate((t) => runner.teach(t), { classes, options }),
        );
        return {
          async addExample(label, image) {
            await callPage(
              'addExample',
              page.evaluate((e) => runner.addExample(e), { label, image }),
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
function collectResults(
  shapes: Readonly<Shapes>,
  received: ReadonlyMap<string, Float32Array>,
): ReadonlyMap<string, TapResult> {
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const data = received.get(name);
      if (!data) throw new DownloadError(name, null, `the page did not send ${name}`);
      return [name, { shape, data }];
    }),
  );
}

/** Runs on the page, under a strict Content-Security-Policy. */
const PAGE_SCRIPT = `
import { DenseNet } from './densenet-webgpu.js';
let net;
let teacher;
const images = new Map();
const methods = {
  async load(options) {
    net = await DenseNet.load('model', options);
    return { adapter: net.adapter, tuning: net.tuning };
  },
  async open({ id, size }) {
    const response = await fetch('image/' + id);
    const image = size
      ? { data: new Uint8Array(await response.arrayBuffer()), width: size[0], height: size[1] }
      : await decode(await response.blob());
    images.set(id, image);
    return null;
  },
  async predict({ call, images: ids, only }) {
    return send(call, await net.intermediates(ids.map((id) => images.get(id)), { only }));
  },
  async release(ids) {
    for (const id of ids) {
      images.get(id)?.close?.();
      images.delete(id);
    }
    return null;
  },
  async taps({ call, shape }) {
    const data = new Float32Array(await (await fetch('tensor')).arrayBuffer());
    return send(call, await net.taps({ data, shape }));
  },
  async teach({ classes, options }) {
    teacher = net.teach(classes, options);
    return null;
  },
  async addExample({ label, image }) {
    await teacher.addExample(label, images.get(image));
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
async function send(call, results) {
  for (const [name, { data }] of results) await fetch('result/' + call + '/' + name, { method: 'POST', body: data });
  return Object.fromEntries([...results].map(([name, { shape }]) => [name, shape]));
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
