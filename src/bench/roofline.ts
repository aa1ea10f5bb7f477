/**
 * The least time that a device could take for a network: all multiply-accumulates at peak rate, or all unavoidable bytes
 * at peak bandwidth, whichever is longer.
 */
import type { DenseNetConfig } from '../model/config.js';
import { layerTable, type Size } from '../model/layers.js';
import { DEVICES } from './devices.js';

export interface RooflineRow {
  readonly device: string;
  readonly computeMs: number;
  readonly memoryMs: number;
  readonly leastMs: number;
}

export interface Work {
  /** Multiply-accumulates in the frameworks' order, for the whole batch. */
  readonly macs: number;
  /** The same with the transitions' pool in front of their convolution, as the kernels do it. */
  readonly macsPoolFirst: number;
  /** f32, pool first: weights once, every layer's input read once and its output written once; no cache helps. */
  readonly bytes: number;
}

export function workOf(config: DenseNetConfig, size: Size, batch: number): Work {
  const { rows, macs, parameters } = layerTable(config, size);
  let macsPoolFirst = 0;
  let values = 0;
  for (const row of rows) {
    const [height, width] = row.kind === 'transition' ? [row.height >> 1, row.width >> 1] : [row.height, row.width];
    const pixelsIn = row.height * row.width * (row.kind === 'stem' && config.stem === 'imagenet' ? 4 : 1);
    macsPoolFirst += (row.macs * height * width) / (row.height * row.width);
    values += row.in * pixelsIn + row.out * height * width;
  }
  return { macs: macs * batch, macsPoolFirst: macsPoolFirst * batch, bytes: 4 * (parameters + values * batch) };
}

/** One row per device of {@link DEVICES}. */
export function roofline({ macsPoolFirst, bytes }: Work): RooflineRow[] {
  return DEVICES.map(({ name, teraflops, gigabytesPerSecond }) => {
    const computeMs = (2 * macsPoolFirst) / (teraflops * 1e9);
    const memoryMs = bytes / (gigabytesPerSecond * 1e6);
    return { device: name, computeMs, memoryMs, leastMs: Math.max(computeMs, memoryMs) };
  });
}
