/**
 * Wraps a WebGPU: counts what is created, submitted and mapped, and which buffers are alive. Can withhold features,
 * refuse memory and leave promises pending.
 */
import { expect } from 'vitest';

/** Errors of counted devices outside any error scope, and unexpected losses. */
const complaints: string[] = [];

/** For `afterEach`: fails when a counted device has reported an error since the last call. */
export function expectNoComplaints(): void {
  expect(complaints.splice(0)).toEqual([]);
}

/** Returns and clears the errors that a test has caused on purpose. */
export const takeComplaints = (): readonly string[] => complaints.splice(0);

/** Bytes of a texel, for formats other than four bytes. */
const TEXEL_BYTES: Readonly<Partial<Record<GPUTextureFormat, number>>> = { rg32uint: 8, rgba32float: 16 };

export interface Counts {
  buffers: number;
  bindGroups: number;
  layouts: number;
  pipelines: number;
  shaderModules: number;
  textures: number;
  samplers: number;
  querySets: number;
  submits: number;
  dispatches: number;
  maps: number;
}

/** Methods of a device that create something, and what they count as. */
const CREATORS = {
  createBindGroup: 'bindGroups',
  createBindGroupLayout: 'layouts',
  createPipelineLayout: 'layouts',
  createComputePipeline: 'pipelines',
  createRenderPipeline: 'pipelines',
  createRenderPipelineAsync: 'pipelines',
  createShaderModule: 'shaderModules',
  createSampler: 'samplers',
  createQuerySet: 'querySets',
} as const satisfies Partial<Record<keyof GPUDevice, keyof Counts>>;

export type Asynchronous =
  | 'requestAdapter'
  | 'requestDevice'
  | 'createComputePipelineAsync'
  | 'popErrorScope'
  | 'mapAsync';

export interface CountingOptions {
  /** Features that the device gets although the adapter has more; default all that are asked for. */
  readonly features?: readonly GPUFeatureName[];
  /** Replaces what the adapter reports: with false, a software adapter passes for a GPU and gets its tiles. */
  readonly isFallback?: boolean;
}

export class CountingGpu {
  readonly counts: Counts = {
    ...{ buffers: 0, bindGroups: 0, layouts: 0, pipelines: 0, shaderModules: 0, textures: 0 },
    ...{ samplers: 0, querySets: 0, submits: 0, dispatches: 0, maps: 0 },
  };
  /** Of the buffers and textures that are not destroyed. */
  liveBytes = 0;
  liveBuffers = 0;
  liveTextures = 0;
  /** The latest device. */
  device: GPUDevice | null = null;
  /** The descriptors of all device requests, in order. */
  readonly requests: GPUDeviceDescriptor[] = [];
  /** Whether a buffer of this label fails with an out-of-memory error. */
  refuses: (label: string) => boolean = () => false;
  /** While true, `requestAdapter` returns null. */
  isAway = false;
  /** Called on every `requestAdapter`. */
  onAdapterRequest: () => void = () => {};
  /** Asynchronous methods whose promises never settle while they are in this set. */
  readonly silent = new Set<Asynchronous>();
  /** Calls whose promise was left pending. */
  unanswered = 0;
  /** `mapAsync` calls that are pending. */
  mapping = 0;
  mostMapping = 0;
  /** Called on every `mapAsync`. */
  onMap: () => void = () => {};
  /** Called whenever an asynchronous method is about to answer. */
  onAnswer: () => void = () => {};
  /** By label. Kept alive, so that Dawn finds a compiled pipeline again. */
  private readonly pipelines = new Map<string | undefined, GPUComputePipeline>();

  constructor(
    private readonly inner: GPU,
    private readonly options: CountingOptions = {},
  ) {}

  /** To be given to `DenseNet.load({ gpu })`. */
  get gpu(): GPU {
    return new Proxy(this.inner, {
      get: (target, key) =>
        key === 'requestAdapter'
          ? (options?: GPURequestAdapterOptions) => this.adapter(options)
          : Reflect.get(target, key),
    });
  }

  /** A counted device of one's own, to be given to `DenseNet.load({ device })`. */
  async open(requiredFeatures: readonly GPUFeatureName[] = []): Promise<GPUDevice> {
    const device = await (await this.adapter())?.requestDevice({ requiredFeatures: [...requiredFeatures] });
    if (!device) throw new Error('no device');
    return device;
  }

  /** Number of resources created; command encoders and the like do not count. */
  created(): number {
    const { submits, dispatches, maps, ...objects } = this.counts;
    return Object.values(objects).reduce((sum, count) => sum + count, 0);
  }

  /** Passes the answer on, or never settles when the method is in `silent`. */
  private async heard<T>(method: Asynchronous, answer: Promise<T>): Promise<T> {
    if (!this.silent.has(method)) return answer.finally(() => this.onAnswer());
    await answer;
    this.unanswered += 1;
    return new Promise<never>(() => {});
  }

  private async adapter(options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> {
    this.onAdapterRequest();
    const adapter = this.isAway ? null : await this.heard('requestAdapter', this.inner.requestAdapter(options));
    if (!adapter) return null;
    const requestDevice = adapter.requestDevice.bind(adapter);
    adapter.requestDevice = async (descriptor = {}) => {
      this.requests.push(descriptor);
      const asked = [...(descriptor.requiredFeatures ?? [])];
      const requiredFeatures = asked.filter((feature) => this.options.features?.includes(feature) ?? true);
      return this.watch(await this.heard('requestDevice', requestDevice({ ...descriptor, requiredFeatures })));
    };
    return adapter;
  }

  private watch(device: GPUDevice): GPUDevice {
    const { counts } = this;
    this.device = device;
    const { vendor, architecture, device: name, description, subgroupMinSize, subgroupMaxSize } = device.adapterInfo;
    const sizes = { subgroupMinSize, subgroupMaxSize };
    const { isFallback: isFallbackAdapter = device.adapterInfo.isFallbackAdapter } = this.options;
    const info = { vendor, architecture, device: name, description, ...sizes, isFallbackAdapter };
    Object.defineProperty(device, 'adapterInfo', { value: info });
    device.addEventListener('uncapturederror', ({ error }) => complaints.push(error.message));
    device.lost.then(({ reason, message }) => reason === 'destroyed' || complaints.push(`device lost: ${message}`));
    for (const [method, counted] of Object.entries(CREATORS)) {
      const create: unknown = Reflect.get(device, method);
      if (typeof create !== 'function') throw new Error(`a GPUDevice has no ${method}`);
      const watched = (...parameters: unknown[]) => {
        counts[counted] += 1;
        return create.apply(device, parameters);
      };
      Reflect.set(device, method, watched);
    }
    const createPipeline = device.createComputePipelineAsync.bind(device);
    device.createComputePipelineAsync = async (descriptor) => {
      counts.pipelines += 1;
      const pipeline = await this.heard('createComputePipelineAsync', createPipeline(descriptor));
      this.pipelines.set(descriptor.label, pipeline);
      return pipeline;
    };
    this.watchBuffers(device);
    this.watchTextures(device);
    this.watchEncoders(device);
    const { queue } = device;
    const submit = queue.submit.bind(queue);
    queue.submit = (buffers) => {
      counts.submits += 1;
      submit(buffers);
    };
    Object.defineProperty(device, 'queue', { value: queue });
    return device;
  }

  private watchBuffers(device: GPUDevice): void {
    let refused = false;
    const create = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      this.counts.buffers += 1;
      refused ||= this.refuses(descriptor.label ?? '');
      const buffer = create(descriptor);
      this.liveBuffers += 1;
      this.onDestroy(buffer, buffer.size, () => {
        this.liveBuffers -= 1;
      });
      const map = buffer.mapAsync.bind(buffer);
      buffer.mapAsync = (...range) => {
        this.counts.maps += 1;
        this.mapping += 1;
        this.mostMapping = Math.max(this.mostMapping, this.mapping);
        this.onMap();
        const mapped = map(...range).finally(() => {
          this.mapping -= 1;
        });
        return this.heard('mapAsync', mapped);
      };
      return buffer;
    };
    // An implementation reports a failed allocation to the innermost scope for it.
    const pop = device.popErrorScope.bind(device);
    device.popErrorScope = async () => {
      const error = await this.heard('popErrorScope', pop());
      if (!refused) return error;
      refused = false;
      return new GPUOutOfMemoryError('refused for the test');
    };
  }

  private watchTextures(device: GPUDevice): void {
    const create = device.createTexture.bind(device);
    device.createTexture = (descriptor) => {
      this.counts.textures += 1;
      const texture = create(descriptor);
      this.liveTextures += 1;
      this.onDestroy(texture, (TEXEL_BYTES[texture.format] ?? 4) * texture.width * texture.height, () => {
        this.liveTextures -= 1;
      });
      return texture;
    };
  }

  /** Counts the bytes until the first `destroy()`. */
  private onDestroy(resource: GPUBuffer | GPUTexture, bytes: number, then: () => void): void {
    this.liveBytes += bytes;
    let alive = true;
    const destroy = resource.destroy.bind(resource);
    resource.destroy = () => {
      if (alive) {
        alive = false;
        this.liveBytes -= bytes;
        then();
      }
      destroy();
      return undefined;
    };
  }

  private watchEncoders(device: GPUDevice): void {
    const createEncoder = device.createCommandEncoder.bind(device);
    device.createCommandEncoder = (descriptor) => {
      const encoder = createEncoder(descriptor);
      const begin = encoder.beginComputePass.bind(encoder);
      encoder.beginComputePass = (options) => {
        const pass = begin(options);
        const dispatch = pass.dispatchWorkgroups.bind(pass);
        pass.dispatchWorkgroups = (x, y, z) => {
          this.counts.dispatches += 1;
          dispatch(x, y, z);
        };
        return pass;
      };
      return encoder;
    };
  }
}
