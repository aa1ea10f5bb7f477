/** A loaded network somewhere that has WebGPU: in a browser, or in this process. Commands do not care which. */
import type { Prediction, TapResult, Tuning } from '../api.js';
import { WebGPUUnavailableError } from '../core/errors.js';
import type { AdapterReport } from '../gpu/device.js';
import { missingPackage, note } from './command.js';

export const BACKENDS = ['auto', 'chrome', 'firefox', 'node'] as const;
export type Backend = (typeof BACKENDS)[number];

/** Options of `DenseNet.load` that commands pass on. */
export interface RunnerOptions {
  readonly precision: 'auto' | 'f32' | 'f16';
  readonly batch?: number;
  readonly tune?: { readonly budget: number };
}

export interface Classified {
  readonly top: readonly Prediction[];
  /** From the decoded picture to the result, by the wall clock; the first picture of a size pays for its buffers. */
  readonly milliseconds: number;
}

export interface Runner {
  readonly backend: Exclude<Backend, 'auto'>;
  readonly adapter: AdapterReport;
  /** What tuning found, where it was asked for. */
  readonly tuning: Tuning | null;
  /** @throws ImageError for this picture only */
  classify(path: string, topK: number): Promise<Classified>;
  taps(data: Float32Array, shape: readonly [number, number, number, number]): Promise<ReadonlyMap<string, TapResult>>;
  close(): Promise<void>;
}

/**
 * `auto`: a browser, as users have it; where none can be had, Node with Dawn.
 *
 * @throws WebGPUUnavailableError when nothing here has WebGPU; what `DenseNet.load` throws
 */
export async function openRunner(backend: Backend, model: Uint8Array, options: RunnerOptions): Promise<Runner> {
  if (backend === 'node') return inNode(model, options);
  if (backend !== 'auto') return inBrowser(backend, model, options);
  try {
    return await inBrowser('chrome', model, options);
  } catch (error) {
    const missing = missingPackage(error);
    if (!(error instanceof WebGPUUnavailableError) && missing === null) throw error;
    const why = error instanceof WebGPUUnavailableError ? error.message : `the npm package ${missing} is missing`;
    note(`${why}\nTrying WebGPU in Node …`);
    return inNode(model, options);
  }
}

// Each loads its own npm packages, which need not all be there.

async function inBrowser(kind: 'chrome' | 'firefox', model: Uint8Array, options: RunnerOptions): Promise<Runner> {
  const { openBrowserRunner } = await import('./browser-runner.js');
  return openBrowserRunner(kind, model, options);
}

async function inNode(model: Uint8Array, options: RunnerOptions): Promise<Runner> {
  const { openNodeRunner } = await import('./node-runner.js');
  return openNodeRunner(model, options);
}
