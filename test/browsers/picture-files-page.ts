/** Bundled for the page of picture-files.test.ts: files as this browser decodes them, through the preprocessor. */
import type { PreprocessSpec } from '../../src/preprocess/spec.js';
import { preprocess } from '../kernels/preprocess.js';

const UNTOUCHED: PreprocessSpec = {
  resize: { kind: 'none' },
  crop: null,
  scale: 1,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  channelOrder: 'rgb',
};

/** How a page gets the image. */
const WAYS = {
  blob: async (url: string) => (await fetch(url)).blob(),
  img: async (url: string) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    return image;
  },
};

const adapter = await navigator.gpu.requestAdapter();
const device = await adapter?.requestDevice();

/** RGB bytes of the image at `url`, row by row. */
async function read(url: string, way: keyof typeof WAYS) {
  if (!device) throw new Error('no WebGPU');
  const { width, height, values } = await preprocess(device, UNTOUCHED, await WAYS[way](url));
  return { width, height, rgb: [...values].filter((_, i) => i % 4 < 3) };
}

Object.assign(globalThis, { read });
