/** What the page of `bench --pictures` does, by name, and the plain data that it takes and gives. */
import type { PreprocessSpec } from '../../preprocess/spec.js';

export type PictureLibrary = 'ours' | 'transformers.js';

/** Addresses of files, relative to the page. */
export interface PictureTask {
  readonly count: number;
  readonly safetensors: string;
  readonly preprocess: PreprocessSpec;
  readonly inputSize: readonly [height: number, width: number];
}

export interface PictureTime {
  readonly milliseconds: number;
  readonly best: number;
  readonly probability: number;
}

/** Milliseconds of each part of one picture's way. What a library does in one part is in that part, and null elsewhere. */
export interface Stages {
  readonly decode: number;
  readonly upload: number | null;
  readonly preprocess: number;
  readonly network: number;
  readonly readback: number | null;
}

export interface Opened {
  readonly milliseconds: number;
  readonly adapter: string | null;
}

/** `globalThis.pictures` of the page. */
export interface PicturesPage {
  /** Loads the library and the model, and classifies the first picture. */
  open(library: PictureLibrary, task: PictureTask): Promise<Opened>;
  /** From a JPEG in memory to the five best classes, one picture after another. */
  classify(library: PictureLibrary, from: number, to: number): Promise<PictureTime[]>;
  /** Milliseconds for all of these pictures, with several calls at once. Ours alone: transformers.js has no queue. */
  atOnce(from: number, to: number): Promise<number>;
  stages(library: PictureLibrary, picture: number): Promise<Stages>;
}
