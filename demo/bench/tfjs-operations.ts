/** The operations that the TensorFlow.js peer uses, named one by one so that the bundler can leave the others out. */
import {
  avgPool,
  batchNorm4d,
  concat4d,
  fused,
  keep,
  maxPool,
  mean,
  ready,
  relu,
  setBackend,
  tensor1d,
  tensor2d,
  tensor4d,
  tidy,
} from '@tensorflow/tfjs-core';
import type { TfLibrary } from '../../src/bench/peer.js';

export const library: TfLibrary = {
  avgPool,
  batchNorm4d,
  concat4d,
  fused,
  keep,
  maxPool,
  mean,
  ready,
  relu,
  setBackend,
  tensor1d,
  tensor2d,
  tensor4d,
  tidy,
};
