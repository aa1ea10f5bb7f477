/** A loaded network in a browser or in this process, behind one interface, so that commands need not know which. */
import type { SaveOptions, TapResult, TeachOptions, Tuning } from '../api.js';
import type { AdapterReport } from '../gpu/device.js';
import type { ImageFile } from './files.js';

export const BACKENDS = ['auto', 'chrome', 'firefox', 'node'] as const;
export type Backend = (typeof BACKENDS)[number];

/** Options of `DenseNet.load` that commands pass on. */
export interface RunnerOptions {
  readonly precision: 'auto' | 'f32' | 'f16';
  readonly batch?: number;
  readonly tune?: { readonly budget: number };
}

/** Straight RGBA, a byte each, row by row from the top left. */
export interface DecodedImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** An image file, and its pixels where the command has decoded it already. */
export interface RunnerImage extends ImageFile {
  readonly pixels: DecodedImage | null;
}

/** What `predict` can read back, [N, classes] or [N, channels]: names of `DenseNet.intermediates`. */
export type Vector = 'scores' | 'logits' | 'pooled';
export type Vectors = ReadonlyMap<Vector, TapResult>;

/** `net.teach()` of the runner's network. */
export interface RunnerTeacher {
  /** @param label null for an image of none of the classes @param image opened @throws ImageError for this image only */
  addExample(label: string | null, image: number): Promise<void>;
  /** @returns the taught network as a file, and its accuracy by cross-validation, null where that is unknown */
  train(options: SaveOptions): Promise<{ readonly accuracy: number | null; readonly file: Uint8Array }>;
}

/** What images need of a runner. */
export interface ImageRunner {
  /** Decodes an image. The number stands for it until `release`. @throws ImageError */
  open(image: RunnerImage): Promise<number>;
  /** Runs opened images as one batch; one may be in it several times. @throws ImageError when one does not fit the GPU */
  predict(images: readonly number[], vectors: readonly Vector[]): Promise<Vectors>;
  release(images: readonly number[]): void;
}

export interface Runner extends ImageRunner {
  readonly backend: Exclude<Backend, 'auto'>;
  readonly adapter: AdapterReport;
  /** The result of tuning, or null where it was not asked for. */
  readonly tuning: Tuning | null;
  taps(data: Float32Array, shape: readonly [number, number, number, number]): Promise<ReadonlyMap<string, TapResult>>;
  teach(classes: readonly string[], options: TeachOptions): Promise<RunnerTeacher>;
  close(): Promise<void>;
}
