/**
 * Resizes images of one size on the GPU: holds taps, scratch rows and, per image of a batch, a texture and bind groups.
 *
 * Made when a size is first seen; after that an image of that size costs an upload and two dispatches, and no GPU object.
 */
import { assertDefined } from '../core/assert.js';
import { KERNELS } from '../kernels/manifest.generated.js';
import { normalisation, type PreprocessPlan } from '../preprocess/geometry.js';
import type { PreprocessSpec } from '../preprocess/spec.js';
import { type OpenImage, uploadImage } from './image-source.js';
import { packParams } from './params.js';
import type { Pipeline } from './pipelines.js';
import type { Resource, Resources } from './resources.js';
import { TEXTURE_USAGE, USAGE } from './usage.js';

type ResizeKernel = 'resize_horizontal' | 'resize_vertical';

export interface ResizeKernels {
  readonly horizontal: Pipeline;
  readonly vertical: Pipeline;
}

/** The network's input region: [image][row][column] of Quad. */
export interface Destination {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
}

/** `override WORKGROUP` of both kernels. */
const WORKGROUP = 32;

/** One image of a batch: its texture (none where callers bring their own) and what is bound to it. */
interface Slot {
  texture: GPUTexture | null;
  readonly params: GPUBuffer;
  readonly sources: BindGroups<GPUTexture>;
  readonly destinations: BindGroups<Destination>;
  ready: Promise<void>;
}

export class ImageResizer {
  /** Prepared batches that still need this size. */
  users = 0;
  private readonly owned = new Set<Resource>();
  private readonly slots = new Map<number, Slot>();
  private readonly columnTaps: GPUBuffer;
  private readonly rowTaps: GPUBuffer;
  private readonly scratch: GPUBuffer;
  private readonly params: GPUBuffer;
  private readonly ready: Promise<void>;

  constructor(
    private readonly resources: Resources,
    private readonly kernels: ResizeKernels,
    private readonly spec: PreprocessSpec,
    private readonly plan: PreprocessPlan,
    /** Zeros around each image of the network's input, in pixels. */
    private readonly border: number,
  ) {
    const { width, rows, firstRow, columnTaps, rowTaps } = plan;
    const transposed = Number(plan.transposed);
    const allocation = resources.allocate(() => ({
      columnTaps: this.buffer('columns', USAGE.STORAGE, columnTaps),
      rowTaps: this.buffer('rows', USAGE.STORAGE, rowTaps),
      scratch: this.buffer('resized rows', USAGE.STORAGE, rows * width * 4),
      params: this.buffer(
        'horizontal',
        USAGE.UNIFORM,
        packParams('resize_horizontal', { width, firstRow, transposed }),
      ),
    }));
    ({
      columnTaps: this.columnTaps,
      rowTaps: this.rowTaps,
      scratch: this.scratch,
      params: this.params,
    } = allocation.made);
    this.ready = allocation.ready;
  }

  /** GPU bytes held. */
  get bytes(): number {
    const sizeOf = (resource: Resource) => ('size' in resource ? resource.size : 4 * resource.width * resource.height);
    return [...this.owned].reduce((sum, resource) => sum + sizeOf(resource), 0);
  }

  /** Makes what image number `image` of a batch needs. @throws OutOfMemoryError */
  async reserve(image: number, ownTexture: boolean): Promise<void> {
    let slot = this.slots.get(image);
    if (!slot) {
      const { made, ready } = this.resources.allocate(() => this.newSlot(image));
      slot = { ...made, ready };
      this.slots.set(image, slot);
    }
    if (ownTexture && !slot.texture) {
      const { made, ready } = this.resources.allocate(() => this.newTexture());
      slot.texture = made;
      slot.ready = Promise.all([slot.ready, ready]).then(() => {});
    }
    await Promise.all([this.ready, slot.ready]);
  }

  /** Uploads an image of this size and records its two dispatches. Submit in the same task. @throws ImageError */
  encode(pass: GPUComputePassEncoder, source: OpenImage, image: number, destination: Destination): void {
    const slot = assertDefined(this.slots.get(image), 'slot');
    const texture = assertDefined(source.kind === 'texture' ? source.texture : slot.texture, 'texture');
    if (source.kind !== 'texture') uploadImage(this.resources.device.queue, source, texture);
    const { width, height, rows } = this.plan;
    const border = 2 * this.border;
    pass.setPipeline(this.kernels.horizontal.pipeline);
    pass.setBindGroup(0, slot.sources.get(texture));
    pass.dispatchWorkgroups(Math.ceil(width / WORKGROUP), rows);
    pass.setPipeline(this.kernels.vertical.pipeline);
    pass.setBindGroup(0, slot.destinations.get(destination));
    pass.dispatchWorkgroups(Math.ceil((width + border) / WORKGROUP), height + border);
  }

  destroy(): void {
    this.resources.release(this.owned);
    this.owned.clear();
    this.slots.clear();
  }

  private newSlot(image: number): Omit<Slot, 'ready'> {
    const { width, height } = this.plan;
    const { border } = this;
    const values = packParams('resize_vertical', {
      ...normalisation(this.spec),
      width,
      height,
      border,
      first: image * (width + 2 * border) * (height + 2 * border),
      transposed: Number(this.plan.transposed),
    });
    const params = this.buffer(`vertical ${image}`, USAGE.UNIFORM, values);
    const sources = new BindGroups<GPUTexture>(
      (a, b) => a === b,
      (texture) =>
        this.bind('resize_horizontal', this.kernels.horizontal, {
          image: texture.createView({ dimension: '2d', mipLevelCount: 1, arrayLayerCount: 1 }),
          taps: { buffer: this.columnTaps },
          dst: { buffer: this.scratch },
          params: { buffer: this.params },
        }),
    );
    const destinations = new BindGroups<Destination>(
      (a, b) => a.buffer === b.buffer && a.offset === b.offset && a.bytes === b.bytes,
      ({ buffer, offset, bytes }) =>
        this.bind('resize_vertical', this.kernels.vertical, {
          src: { buffer: this.scratch },
          taps: { buffer: this.rowTaps },
          dst: { buffer, offset, size: bytes },
          params: { buffer: params },
        }),
    );
    return { texture: null, params, sources, destinations };
  }

  private newTexture(): GPUTexture {
    const { sourceWidth, sourceHeight } = this.plan;
    const descriptor: GPUTextureDescriptor = {
      label: `image ${sourceWidth}×${sourceHeight}`,
      size: [sourceWidth, sourceHeight],
      format: 'rgba8unorm',
      // copyExternalImageToTexture demands RENDER_ATTACHMENT.
      usage: TEXTURE_USAGE.COPY_DST | TEXTURE_USAGE.TEXTURE_BINDING | TEXTURE_USAGE.RENDER_ATTACHMENT,
    };
    return this.own(this.resources.texture(descriptor, sourceWidth * sourceHeight * 4));
  }

  private buffer(label: string, usage: number, content: ArrayBufferView<ArrayBuffer> | number): GPUBuffer {
    const size = typeof content === 'number' ? content : content.byteLength;
    const buffer = this.own(this.resources.buffer(`preprocessing: ${label}`, size, usage | USAGE.COPY_DST));
    if (typeof content !== 'number') this.resources.device.queue.writeBuffer(buffer, 0, content);
    return buffer;
  }

  private own<T extends Resource>(resource: T): T {
    this.owned.add(resource);
    return resource;
  }

  private bind<K extends ResizeKernel>(
    kernel: K,
    { layout }: Pipeline,
    resources: Readonly<Record<keyof (typeof KERNELS)[K]['bindings'], GPUBindingResource>>,
  ): GPUBindGroup {
    const byName = new Map(Object.entries<GPUBindingResource>(resources));
    const entries = Object.keys(KERNELS[kernel].bindings).flatMap((name, binding) => {
      const resource = byName.get(name);
      return resource ? [{ binding, resource }] : [];
    });
    return this.resources.device.createBindGroup({ label: kernel, layout, entries });
  }
}

/** The bind groups used lately, by what they bind; enough for callers that take turns with a few of their own. */
class BindGroups<Key> {
  private static readonly KEPT = 4;
  private readonly recent: { readonly key: Key; readonly group: GPUBindGroup }[] = [];

  constructor(
    private readonly same: (a: Key, b: Key) => boolean,
    private readonly make: (key: Key) => GPUBindGroup,
  ) {}

  get(key: Key): GPUBindGroup {
    const known = this.recent.find((entry) => this.same(entry.key, key));
    if (known) return known.group;
    const group = this.make(key);
    if (this.recent.push({ key, group }) > BindGroups.KEPT) this.recent.shift();
    return group;
  }
}
