/**
 * Counts dispatches, submits and allocations by wrapping WebGPU's prototypes: the same wrapper for every peer, installed
 * before its library is loaded. Bytes are the requested ones; a buffer counts until it is destroyed or collected.
 */

/** Since the last reset, except for the two of GPU bytes: live now, and the most ever live. */
export interface Counts {
  readonly dispatches: number;
  readonly submits: number;
  readonly buffersCreated: number;
  readonly liveGpuBytes: number;
  readonly peakGpuBytes: number;
}

export interface Counters {
  reset(): void;
  read(): Counts;
}

/** Bytes per texel of the formats that are not four bytes wide; only uncompressed colour formats occur here. */
const TEXEL_BYTES: Readonly<Record<string, number>> = {
  r8unorm: 1,
  rg8unorm: 2,
  r16float: 2,
  rgba16float: 8,
  rg32uint: 8,
  rgba32float: 16,
};

export function installCounters(): Counters {
  let dispatches = 0;
  let submits = 0;
  let buffersCreated = 0;
  const live = new LiveBytes();
  if (typeof GPUDevice !== 'undefined') {
    wrapDispatches(() => dispatches++);
    wrapSubmit(() => submits++);
    wrapAllocations(live, () => buffersCreated++);
  }
  return {
    reset() {
      dispatches = submits = buffersCreated = 0;
    },
    read: () => ({ dispatches, submits, buffersCreated, liveGpuBytes: live.now, peakGpuBytes: live.peak }),
  };
}

/** Resources by identity, without keeping them alive. */
class LiveBytes {
  now = 0;
  peak = 0;
  private readonly sizes = new WeakMap<object, { bytes: number }>();
  private readonly collected = new FinalizationRegistry<{ bytes: number }>((size) => this.release(size));

  add(resource: object, bytes: number): void {
    const size = { bytes };
    this.sizes.set(resource, size);
    this.collected.register(resource, size);
    this.now += bytes;
    this.peak = Math.max(this.peak, this.now);
  }

  remove(resource: object): void {
    const size = this.sizes.get(resource);
    if (size) this.release(size);
  }

  private release(size: { bytes: number }): void {
    this.now -= size.bytes;
    size.bytes = 0;
  }
}

function wrapDispatches(count: () => void): void {
  const { prototype } = GPUComputePassEncoder;
  const { dispatchWorkgroups, dispatchWorkgroupsIndirect } = prototype;
  prototype.dispatchWorkgroups = function (this: GPUComputePassEncoder, ...sizes) {
    count();
    return dispatchWorkgroups.apply(this, sizes);
  };
  prototype.dispatchWorkgroupsIndirect = function (this: GPUComputePassEncoder, ...args) {
    count();
    return dispatchWorkgroupsIndirect.apply(this, args);
  };
}

function wrapSubmit(count: () => void): void {
  const { prototype } = GPUQueue;
  const { submit } = prototype;
  prototype.submit = function (this: GPUQueue, buffers) {
    count();
    return submit.call(this, buffers);
  };
}

function wrapAllocations(live: LiveBytes, count: () => void): void {
  const { prototype } = GPUDevice;
  const { createBuffer, createTexture } = prototype;
  prototype.createBuffer = function (this: GPUDevice, descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    count();
    live.add(buffer, descriptor.size);
    return buffer;
  };
  prototype.createTexture = function (this: GPUDevice, descriptor) {
    const texture = createTexture.call(this, descriptor);
    const { width, height, depthOrArrayLayers, format } = texture;
    live.add(texture, width * height * depthOrArrayLayers * (TEXEL_BYTES[format] ?? 4));
    return texture;
  };
  for (const kind of [GPUBuffer, GPUTexture]) wrapDestroy(kind.prototype, live);
}

function wrapDestroy(prototype: GPUBuffer | GPUTexture, live: LiveBytes): void {
  const { destroy } = prototype;
  prototype.destroy = function (this: GPUBuffer & GPUTexture) {
    live.remove(this);
    return destroy.call(this);
  };
}
