/**
 * What is wrong with what a caller gave, with a kernel, or with where the page runs, in words. A file of its own beside
 * the library, fetched when something is wrong.
 */

export { whyNoPicture } from '../gpu/describe-image.js';
export { whyRefused } from '../gpu/refused-kernel.js';
export { whyUnavailable } from '../gpu/unavailable.js';
export { whyNoTensor } from './no-tensor.js';

export const noPreprocessing =
  'the model file says nothing of preprocessing: import it with --preprocess, pass `preprocess` to load(), or call run() with a tensor';
