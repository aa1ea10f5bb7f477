/** What the checks use: the package under test, a WebGPU that records errors, the fixtures by URL. Knows no platform. */
import type * as Package from '../../src/index.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import { type TensorMap, toFloat32 } from '../../src/tensor/tensor.js';
import { relativeError } from '../reference/relative-error.js';

/** Where the suite runs. */
export interface Site {
  /** The built package, from whichever of its bundles. */
  readonly densenet: typeof Package;
  /** Undefined where there is no WebGPU. */
  readonly gpu: GPU | undefined;
  /** Of the server that has the fixtures (see `fixtures.ts`). */
  readonly origin: string;
  readonly extent: Extent;
}

/** How much to run: the core, all checks, or all and the slow ones. */
export type Extent = 'core' | 'all' | 'all and long';

/** Thrown by a check whose feature is absent here; the message names the feature. */
export class Absent extends Error {}

/** A tensor of a fixture. */
interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

export class Lab {
  readonly densenet: typeof Package;
  /** For `load`; records the errors of its devices. */
  readonly gpu: GPU;
  /** Errors that devices reported outside any error scope, and unexpected losses. */
  readonly complaints: string[] = [];
  /** Devices that were opened, the latest last. */
  readonly devices: GPUDevice[] = [];
  private readonly files = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  private shared: Promise<Package.DenseNet> | null = null;

  constructor(
    private readonly site: Site,
    gpu: GPU,
  ) {
    this.densenet = site.densenet;
    const requestAdapter = async (options?: GPURequestAdapterOptions) =>
      this.watched(await gpu.requestAdapter(options));
    this.gpu = new Proxy(gpu, {
      get: (target, key) => (key === 'requestAdapter' ? requestAdapter : Reflect.get(target, key, target)),
    });
  }

  /** The network that most checks use, loaded by URL with all features of the adapter. */
  net(): Promise<Package.DenseNet> {
    this.shared ??= this.densenet.DenseNet.load(this.url('model'), { gpu: this.gpu });
    return this.shared;
  }

  url(name: string): string {
    return `${this.site.origin}/fixtures/${name}`;
  }

  async file(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const fetched = async () => new Uint8Array(await (await fetch(this.url(name))).arrayBuffer());
    const file = this.files.get(name) ?? fetched();
    this.files.set(name, file);
    return file;
  }

  /** A safetensors file of the fixtures. */
  async tensors(name: string): Promise<TensorMap> {
    return readSafetensors(await this.file(name)).tensors;
  }

  /** A tensor of a safetensors file. */
  async values(name: string, tensor: string): Promise<Values> {
    const found = (await this.tensors(name)).get(tensor);
    if (!found) throw new Error(`the fixture ${name} has no ${tensor}`);
    return { shape: found.shape, data: Float32Array.from(toFloat32(found)) };
  }

  /** The tensor `input` of a reference file. */
  async input(name: string): Promise<Package.TensorInput> {
    const { data, shape } = await this.values(name, 'input');
    const [n = 0, c = 0, h = 0, w = 0] = shape;
    return { data, shape: [n, c, h, w] };
  }

  /** A device with these features and no others, and the default limits or those asked for. */
  async open(
    features: readonly GPUFeatureName[],
    options: { readonly limits?: (of: GPUSupportedLimits) => Record<string, number>; readonly level?: string } = {},
  ): Promise<GPUDevice> {
    const { limits, level } = options;
    const adapter = await this.gpu.requestAdapter(level === undefined ? {} : { featureLevel: level });
    if (!adapter) throw new Absent(level === undefined ? 'adapter' : `${level} adapter`);
    for (const feature of features) if (!adapter.features.has(feature)) throw new Absent(feature);
    return adapter.requestDevice({
      requiredFeatures: [...features],
      ...(limits ? { requiredLimits: limits(adapter.limits) } : {}),
    });
  }

  private watched(adapter: GPUAdapter | null): GPUAdapter | null {
    if (!adapter) return null;
    const requestDevice = adapter.requestDevice.bind(adapter);
    adapter.requestDevice = async (descriptor) => {
      const device = await requestDevice(descriptor);
      device.addEventListener('uncapturederror', ({ error }) => this.complaints.push(error.message));
      device.lost.then(({ reason, message }) => reason === 'destroyed' || this.complaints.push(`lost: ${message}`));
      this.devices.push(device);
      return device;
    };
    return adapter;
  }
}

/**
 * @returns the largest error in words
 * @throws Error with the same when it is not below the tolerance, relative to the largest value expected
 */
export function close(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what = ''): string {
  const error = relativeError(found, expected);
  const words = `${what} error ${error.toExponential(1)}`.trim();
  if (error < tolerance) return words;
  throw new Error(`${words}, not below ${tolerance}: found ${head(found)}, expected ${head(expected)}`);
}

/** @throws Error with the first difference: the bits must be the same */
export function same(found: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  if (found.length !== expected.length) throw new Error(`${what}: ${found.length} values, not ${expected.length}`);
  const at = Array.from(found).findIndex((value, i) => !Object.is(value, expected[i]));
  if (at >= 0) throw new Error(`${what} differs at ${at}: ${found[at]}, not ${expected[at]}`);
}

export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

const head = (values: ArrayLike<number>): string => Array.from({ length: 3 }, (_, i) => values[i]).join(', ');
