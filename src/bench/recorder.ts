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
  /** What its uniform buffers hold, in u32 words by `group,binding`: the lengths of its loops are in them. */
  readonly uniforms: Record<string, number[]>[];
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
    wrapWrites(recording);
    wrapPasses(recording);
  }
  return recording;
}

type Pipeline = Pick<RecordedPipeline, 'code' | 'entryPoint' | 'constants'>;

class Recording implements Recorder {
  readonly code = new WeakMap<GPUShaderModule, string>();
  readonly pipelines = new WeakMap<GPUComputePipeline, Pipeline>();
  readonly bound = new WeakMap<GPUBindGroup, number>();
  readonly ranges = new WeakMap<GPUBindGroup, readonly UniformRange[]>();
  /** The contents of buffers that may be uniform, as far as the page wrote them. */
  readonly contents = new WeakMap<GPUBuffer, Uint8Array>();
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
    const entry = this.recorded.get(pipeline) ?? { ...made, dispatches: [], order: [], bytes: [], uniforms: [] };
    entry.dispatches.push(workgroups);
    entry.order.push(this.count++);
    entry.bytes.push([...groups.values()].reduce((total, group) => total + (this.bound.get(group) ?? 0), 0));
    entry.uniforms.push(Object.fromEntries([...groups].flatMap(([index, group]) => this.uniformsOf(index, group))));
    this.recorded.set(pipeline, entry);
  }

  private uniformsOf(index: number, group: GPUBindGroup): [string, number[]][] {
    return (this.ranges.get(group) ?? []).flatMap(({ binding, buffer, offset, size }) => {
      const bytes = this.contents.get(buffer)?.slice(offset, offset + size);
      const words = bytes && new Uint32Array(bytes.buffer, 0, bytes.length >> 2);
      return words ? [[`${index},${binding}`, [...words]]] : [];
    });
  }
}

interface UniformRange {
  readonly binding: number;
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** Of larger buffers the contents are not kept. A library may have all uniforms in one. */
const MAX_CONTENT_BYTES = 2 ** 22;

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
    const ranges = [...descriptor.entries].flatMap(({ binding, resource }): UniformRange[] => {
      const bound = resource instanceof GPUBuffer ? { buffer: resource } : 'buffer' in resource ? resource : null;
      if (!bound || !(bound.buffer.usage & GPUBufferUsage.UNIFORM)) return [];
      const { buffer, offset = 0, size = buffer.size - offset }: GPUBufferBinding = bound;
      return [{ binding, buffer, offset, size }];
    });
    recording.ranges.set(group, ranges);
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

/** Follows what is written to small buffers. */
function wrapWrites({ contents }: Recording): void {
  const { createBuffer } = GPUDevice.prototype;
  const { getMappedRange, unmap } = GPUBuffer.prototype;
  const { writeBuffer } = GPUQueue.prototype;
  const { copyBufferToBuffer } = GPUCommandEncoder.prototype;
  const mapped = new WeakMap<GPUBuffer, { offset: number; range: ArrayBuffer }[]>();
  GPUDevice.prototype.createBuffer = function (this: GPUDevice, descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    if (descriptor.size <= MAX_CONTENT_BYTES) contents.set(buffer, new Uint8Array(descriptor.size));
    return buffer;
  };
  GPUBuffer.prototype.getMappedRange = function (this: GPUBuffer, offset = 0, size) {
    const range = getMappedRange.call(this, offset, size);
    mapped.set(this, [...(mapped.get(this) ?? []), { offset, range }]);
    return range;
  };
  GPUBuffer.prototype.unmap = function (this: GPUBuffer) {
    for (const { offset, range } of mapped.get(this) ?? []) contents.get(this)?.set(new Uint8Array(range), offset);
    mapped.delete(this);
    return unmap.call(this);
  };
  GPUQueue.prototype.writeBuffer = function (this: GPUQueue, buffer, at, data, first = 0, size) {
    const unit = ArrayBuffer.isView(data) && 'BYTES_PER_ELEMENT' in data ? Number(data.BYTES_PER_ELEMENT) : 1;
    const all = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);
    const bytes = all.subarray(first * unit, size === undefined ? undefined : (first + size) * unit);
    contents.get(buffer)?.set(bytes, at);
    return Reflect.apply(writeBuffer, this, [buffer, at, data, first, ...(size === undefined ? [] : [size])]);
  };
  GPUCommandEncoder.prototype.copyBufferToBuffer = function (this: GPUCommandEncoder, ...args: readonly unknown[]) {
    const [source, from, target, to, size] = args;
    if (
      source instanceof GPUBuffer &&
      target instanceof GPUBuffer &&
      typeof from === 'number' &&
      typeof to === 'number'
    ) {
      const bytes = contents.get(source)?.slice(from, typeof size === 'number' ? from + size : undefined);
      if (bytes) contents.get(target)?.set(bytes, to);
    }
    return Reflect.apply(copyBufferToBuffer, this, args);
  };
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
