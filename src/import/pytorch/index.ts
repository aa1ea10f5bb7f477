/** PyTorch checkpoints (`.pth`, `.pt`, `.pth.tar`) → tensors under the names that the file gives them. */
import { isDenseNetError } from '../../core/errors.js';
import type { TensorMap } from '../../tensor/tensor.js';
import { Budget } from '../budget.js';
import type { NetworkGraph } from '../graph/node.js';
import { openLegacy, openZip } from './containers.js';
import type { Module } from './modules.js';
import { collectAll, findStateDict } from './state-dict.js';
import { TensorMaker } from './tensors.js';
import { graphOfScript } from './torchscript/run.js';

export interface PyTorchNetwork {
  readonly tensors: TensorMap;
  readonly modules: readonly Module[];
  /** What TorchScript's `forward` computes; or why it could not be followed. */
  readonly script: { readonly graph: NetworkGraph } | { readonly why: string } | null;
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
  const { root, open, code } = isZip ? openZip(bytes, budget) : openLegacy(bytes, budget);
  const isScript = code.size > 0 && key === undefined;
  const { tensors: refs, modules } = isScript ? collectAll(root, budget) : findStateDict(root, budget, key);
  const found = [...refs];
  const maker = new TensorMaker(open(found.map(([, { storage }]) => storage)), COPY_RATIO * bytes.length);
  const tensors = new Map(found.map(([name, ref]) => [name, maker.make(name, ref)]));
  if (!isScript) return { tensors, modules, script: null };
  try {
    return { tensors, modules, script: { graph: graphOfScript(root, code, tensors, budget) } };
  } catch (error) {
    if (isDenseNetError(error) || !(error instanceof Error)) throw error;
    return { tensors, modules, script: { why: error.message } };
  }
}
