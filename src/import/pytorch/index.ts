/** PyTorch checkpoints (`.pth`, `.pt`, `.pth.tar`) → tensors under the names that the file gives them. */
import type { TensorMap } from '../../tensor/tensor.js';
import { Budget } from '../budget.js';
import { openLegacy, openZip } from './containers.js';
import type { Module } from './modules.js';
import { findStateDict } from './state-dict.js';
import { TensorMaker } from './tensors.js';

export interface PyTorchNetwork {
  readonly tensors: TensorMap;
  readonly modules: readonly Module[];
}

/** Bytes that rearranging non-contiguous tensors may take, per byte of the file: each of its bytes once. */
const COPY_RATIO = 1;

/**
 * @param bytes the whole file; tensors may be views into it
 * @param key the dict to take, where a file holds several networks
 * @throws ModelFormatError for every way to be wrong; nothing in the file is ever run
 */
export function readPyTorch(bytes: Uint8Array, key?: string): PyTorchNetwork {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  const budget = new Budget('pytorch', bytes.length);
  const { root, open } = isZip ? openZip(bytes, budget) : openLegacy(bytes, budget);
  const { tensors, modules } = findStateDict(root, budget, key);
  const found = [...tensors];
  const maker = new TensorMaker(open(found.map(([, { storage }]) => storage)), COPY_RATIO * bytes.length);
  return { tensors: new Map(found.map(([name, ref]) => [name, maker.make(name, ref)])), modules };
}
