/**
 * Records which compute kernels a library dispatches, with their WGSL, by wrapping WebGPU's prototypes. Nothing is
 * computed: dispatches are noted and dropped, and where a pipeline's layout is given an empty kernel is compiled in its
 * place. A software GPU takes minutes and gigabytes for kernels that are meant for others.
 */

/** A pipeline and its dispatches in one inference. `npm run kernels -- --dump` reads a list of these. */
export interface RecordedPipeline {
  readonly code: string;
  readonly entryPoint: string | null;
  /** Values of overrides. */
  readonly constants: Readonly<Record<string, number>>;
  /** Workgroups of each dispatch. */
  readonly dispatches: (readonly [x: number, y: number, z: number])[];
  /** The place of each among all dispatches of the inference, from 0. */
  readonly order: number[];
  /** Bytes of what is bound for each. */
  readonly bytes: number[];
}

export interface Recorder {
  /** Forgets what was recorded. */
  start(): void;
  /** @throws Error when the library dispatched indirectly, which says no sizes */
  stop(): RecordedPipeline[];
}

/** Call it before the library is loaded. */
export function installRecorder(): Recorder {
  const recording = new Recording();
  if (typeof GPUDevice !== 'undefined') {
    wrapModules(recording);
    wrapBindings(recording);
    wrapPasses(recording);
  }
  return recording;
}

type Pipeline = Pick<RecordedPipeline, 'code' | 'entryPoint' | 'constants'>;

class Recording implements Recorder {
  readonly code = new WeakMap<GPUShaderModule, string>();
  readonly pipelines = new WeakMap<GPUComputePipeline, Pipeline>();
  readonly bound = new WeakMap<GPUBindGroup, number>();
  private recorded = new Map<GPUComputePipeline, RecordedPipeline>();
  private count = 0;
  private indirect = 0;

  start(): void {
    this.recorded = new Map();
    this.count = this.indirect = 0;
  }

  stop(): RecordedPipeline[] {
    if (this.indirect > 0) throw new Error(`${this.indirect} dispatches are indirect: their sizes cannot be recorded`);
    return [...this.recorded.values()];
  }

  made(pipeline: GPUComputePipeline, { compute }: GPUComputePipelineDescriptor): void {
    const { module, entryPoint = null, constants = {} } = compute;
    this.pipelines.set(pipeline, { code: this.code.get(module) ?? '', entryPoint, constants: { ...constants } });
  }

  dispatched(pass: PassState, workgroups: readonly [number, number, number] | null): void {
    const { pipeline, groups } = pass;
    const made = pipeline && this.pipelines.get(pipeline);
    if (!made || workgroups === null) {
      this.indirect++;
      return;
    }
    const entry = this.recorded.get(pipeline) ?? { ...made, dispatches: [], order: [], bytes: [] };
    entry.dispatches.push(workgroups);
    entry.order.push(this.count++);
    entry.bytes.push([...groups.values()].reduce((total, group) => total + (this.bound.get(group) ?? 0), 0));
    this.recorded.set(pipeline, entry);
  }
}

interface PassState {
  pipeline: GPUComputePipeline | null;
  readonly groups: Map<number, GPUBindGroup>;
}

const EMPTY = '@compute @workgroup_size(1) fn main() {}';

function wrapModules(recording: Recording): void {
  const { prototype } = GPUDevice;
  const { createShaderModule, createComputePipeline, createComputePipelineAsync } = prototype;
  prototype.createShaderModule = function (this: GPUDevice, descriptor) {
    const module = createShaderModule.call(this, descriptor);
    recording.code.set(module, descriptor.code);
    return module;
  };
  const emptied = (device: GPUDevice, descriptor: GPUComputePipelineDescriptor): GPUComputePipelineDescriptor => {
    if (descriptor.layout === 'auto') return descriptor;
    return { layout: descriptor.layout, compute: { module: createShaderModule.call(device, { code: EMPTY }) } };
  };
  prototype.createComputePipeline = function (this: GPUDevice, descriptor) {
    const pipeline = createComputePipeline.call(this, emptied(this, descriptor));
    recording.made(pipeline, descriptor);
    return pipeline;
  };
  prototype.createComputePipelineAsync = async function (this: GPUDevice, descriptor) {
    const pipeline = await createComputePipelineAsync.call(this, emptied(this, descriptor));
    recording.made(pipeline, descriptor);
    return pipeline;
  };
}

function wrapBindings(recording: Recording): void {
  const { prototype } = GPUDevice;
  const { createBindGroup } = prototype;
  const { createView } = GPUTexture.prototype;
  const viewed = new WeakMap<GPUTextureView, GPUTexture>();
  GPUTexture.prototype.createView = function (this: GPUTexture, descriptor) {
    const view = createView.call(this, descriptor);
    viewed.set(view, this);
    return view;
  };
  prototype.createBindGroup = function (this: GPUDevice, descriptor) {
    const group = createBindGroup.call(this, descriptor);
    const sizes = [...descriptor.entries].map(({ resource }) => bytesOf(resource, viewed));
    recording.bound.set(
      group,
      sizes.reduce((total, size) => total + size, 0),
    );
    return group;
  };
}

/** Bytes per texel of the formats that are not four bytes wide; only uncompressed colour formats are seen here. */
const TEXEL_BYTES: Readonly<Record<string, number>> = { rgba16float: 8, rgba32float: 16, rgba32uint: 16 };

function bytesOf(resource: GPUBindingResource, viewed: WeakMap<GPUTextureView, GPUTexture>): number {
  if (resource instanceof GPUBuffer) return resource.size;
  if ('buffer' in resource) return resource.size ?? resource.buffer.size - (resource.offset ?? 0);
  const texture = resource instanceof GPUTextureView ? viewed.get(resource) : resource;
  if (!(texture instanceof GPUTexture)) return 0;
  const { width, height, depthOrArrayLayers, format } = texture;
  return width * height * depthOrArrayLayers * (TEXEL_BYTES[format] ?? 4);
}

function wrapPasses(recording: Recording): void {
  const { prototype } = GPUComputePassEncoder;
  const { setPipeline, setBindGroup } = prototype;
  const states = new WeakMap<GPUComputePassEncoder, PassState>();
  const stateOf = (pass: GPUComputePassEncoder): PassState => {
    const state = states.get(pass) ?? { pipeline: null, groups: new Map() };
    states.set(pass, state);
    return state;
  };
  prototype.setPipeline = function (this: GPUComputePassEncoder, pipeline) {
    stateOf(this).pipeline = pipeline;
    return setPipeline.call(this, pipeline);
  };
  prototype.setBindGroup = function (this: GPUComputePassEncoder, index, group, ...offsets: readonly unknown[]) {
    if (group) stateOf(this).groups.set(index, group);
    return Reflect.apply(setBindGroup, this, [index, group, ...offsets]);
  };
  prototype.dispatchWorkgroups = function (this: GPUComputePassEncoder, x, y = 1, z = 1) {
    recording.dispatched(stateOf(this), [x, y, z]);
  };
  prototype.dispatchWorkgroupsIndirect = function (this: GPUComputePassEncoder) {
    recording.dispatched(stateOf(this), null);
  };
}
