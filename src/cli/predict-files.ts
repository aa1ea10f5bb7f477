/** Runs image files through a network in batches. Decoding runs ahead of the GPU. */

import { assertDefined } from '../core/assert.js';
import { isDenseNetError } from '../core/errors.js';
import { type ImageFile, readImageFile } from './files.js';
import type { ImageArgument } from './list-images.js';
import type { DecodedImage, ImageRunner, Vector } from './runner.js';

/** What the network says of one image; or why it says nothing. */
export type FileOutcome = { readonly path: string } & (
  | {
      /** One row of each vector that was asked for. */
      readonly vectors: ReadonlyMap<Vector, Float32Array>;
      /** Its share of the time that its batch took. */
      readonly milliseconds: number;
    }
  | { readonly error: string }
);

export interface PredictOptions {
  /** Images in a call, at most; the network was loaded for as many. */
  readonly batch: number;
  readonly vectors: readonly Vector[];
  /** Pixels that the command decodes itself; null where the runner decodes the file. */
  readonly pixelsOf?: (file: ImageFile) => Promise<DecodedImage | null>;
  /** Once it fires, no further batch is begun. */
  readonly signal?: AbortSignal;
}

/** Decoded images of a batch, and as many again that wait for it, take at most this; one larger image goes alone. */
const MAX_DECODED_BYTES = 2 ** 28;
/** Batches decoded ahead of those on the GPU. */
const BATCHES_AHEAD = 2;
/** Calls under way: the GPU finds the next one when it has finished one. */
const CALLS_AT_ONCE = 2;

/**
 * The outcomes in the order of the images, as they come. An image that cannot be used costs itself only.
 *
 * @throws what ends a network: DeviceLostError, OutOfMemoryError …
 */
export async function* predictFiles(
  runner: ImageRunner,
  images: readonly ImageArgument[],
  options: PredictOptions,
): AsyncGenerator<FileOutcome, void> {
  const calls: Promise<FileOutcome[]>[] = [];
  let since = performance.now();
  for await (const batch of gather(openAhead(runner, images, options), options.batch)) {
    if (options.signal?.aborted) break;
    const start = performance.now();
    const call = predictBatch(runner, batch, options).then((rows) => {
      const now = performance.now();
      const milliseconds = (now - Math.max(start, since)) / Math.max(1, rows.filter(isRow).length);
      since = now;
      return rows.map((row): FileOutcome => (isRow(row) ? { ...row, milliseconds } : row));
    });
    call.catch(() => {}); // awaited below, perhaps after another has failed
    calls.push(call);
    if (calls.length >= CALLS_AT_ONCE) yield* await assertDefined(calls.shift(), 'call');
  }
  for (const call of calls) yield* await call;
}

/** An image that the runner has decoded, or is decoding. */
interface OpenedFile {
  readonly path: string;
  /** Decoded. */
  readonly bytes: number;
  readonly id: Promise<number>;
}

type Gathered = { readonly path: string } & (
  | { readonly id: number; readonly bytes: number }
  | { readonly error: string }
);

/** Begins to decode up to {@link BATCHES_AHEAD} batches ahead of the caller. */
async function* openAhead(
  runner: ImageRunner,
  images: readonly ImageArgument[],
  options: PredictOptions,
): AsyncGenerator<Gathered, void> {
  const waiting: OpenedFile[] = [];
  let bytes = 0;
  const next = async (): Promise<Gathered> => {
    const { path, id, bytes: own } = assertDefined(waiting.shift(), 'image');
    bytes -= own;
    try {
      return { path, bytes: own, id: await id };
    } catch (error) {
      return { path, error: messageOf(error) };
    }
  };
  for (const image of images) {
    const opened = await beginToOpen(runner, image, options);
    const isFull = () => waiting.length >= BATCHES_AHEAD * options.batch || bytes + opened.bytes > MAX_DECODED_BYTES;
    while (waiting.length > 0 && isFull()) yield await next();
    waiting.push(opened);
    bytes += opened.bytes;
  }
  while (waiting.length > 0) yield await next();
}

/** Reads a file, and has it decoded. Does not reject: the promise of the number does. */
async function beginToOpen(
  runner: ImageRunner,
  { path, error }: ImageArgument,
  { pixelsOf }: PredictOptions,
): Promise<OpenedFile> {
  const failed = (cause: Error): OpenedFile => {
    const id = Promise.reject<number>(cause);
    id.catch(() => {}); // awaited in its turn
    return { path, bytes: 0, id };
  };
  if (error !== undefined) return failed(new Error(error));
  try {
    const file = await readImageFile(path);
    const id = (async () => runner.open({ ...file, pixels: (await pixelsOf?.(file)) ?? null }))();
    id.catch(() => {});
    return { path, bytes: 4 * file.header.width * file.header.height, id };
  } catch (cause) {
    return failed(cause instanceof Error ? cause : new Error(String(cause)));
  }
}

/** Images with a number, up to `count` of them or what fits {@link MAX_DECODED_BYTES}; and those between that failed. */
async function* gather(images: AsyncIterable<Gathered>, count: number): AsyncGenerator<Gathered[], void> {
  let batch: Gathered[] = [];
  let [size, bytes] = [0, 0];
  for await (const image of images) {
    if ('id' in image) {
      if (size === count || (size > 0 && bytes + image.bytes > MAX_DECODED_BYTES)) {
        yield batch;
        [batch, size, bytes] = [[], 0, 0];
      }
      size++;
      bytes += image.bytes;
    }
    batch.push(image);
  }
  if (batch.length > 0) yield batch;
}

type Row = { readonly path: string } & (
  | { readonly vectors: ReadonlyMap<Vector, Float32Array> }
  | { readonly error: string }
);
const isRow = (row: Row) => 'vectors' in row;

async function predictBatch(runner: ImageRunner, batch: readonly Gathered[], options: PredictOptions): Promise<Row[]> {
  const ids = batch.flatMap((image) => ('id' in image ? [image.id] : []));
  try {
    const rows = await predictRows(runner, ids, options);
    let taken = 0;
    return batch.map((image) => {
      if (!('id' in image)) return image;
      const row = assertDefined(rows[taken++], 'row');
      return { path: image.path, ...(row instanceof Error ? { error: row.message } : { vectors: row }) };
    });
  } finally {
    runner.release(ids);
  }
}

/** For each image its vectors, or why the GPU does not take it. */
async function predictRows(
  runner: ImageRunner,
  ids: readonly number[],
  options: PredictOptions,
): Promise<(ReadonlyMap<Vector, Float32Array> | Error)[]> {
  const [first] = ids;
  if (first === undefined) return [];
  // A batch of another size would need its own memory and kernels, so that the last one is filled with its first image.
  const filled = Array.from({ length: options.batch }, (_, i) => ids[i] ?? first);
  try {
    const found = await runner.predict(filled, options.vectors);
    return ids.map((_, i) => new Map([...found].map(([name, { data, shape }]) => [name, rowOf(data, shape, i)])));
  } catch (error) {
    if (!isDenseNetError(error) || error.name !== 'ImageError') throw error;
    if (ids.length === 1) return [error];
    // One of them is at fault: each by itself.
    const rows: (ReadonlyMap<Vector, Float32Array> | Error)[] = [];
    for (const id of ids) rows.push(...(await predictRows(runner, [id], options)));
    return rows;
  }
}

const rowOf = (data: Float32Array, [, width = 0]: readonly number[], row: number): Float32Array =>
  data.slice(row * width, (row + 1) * width);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
