/** The GPU memory of one owner: counted, and destroyed with it. */
import { DisposedError, OutOfMemoryError } from '../core/errors.js';

export type Resource = GPUBuffer | GPUTexture;

/** Objects that exist at once; `ready` resolves when the GPU has had the memory for them. */
export interface Allocation<T> {
  readonly made: T;
  /** @throws OutOfMemoryError; everything of this allocation is released then */
  readonly ready: Promise<void>;
}

export class Resources {
  private readonly owned = new Map<Resource, number>();
  /** What the allocation that is being made has created so far. */
  private created: Resource[] = [];
  private isDestroyed = false;

  constructor(readonly device: GPUDevice) {}

  /** GPU bytes held. */
  get bytes(): number {
    return [...this.owned.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** @param usage as in `usage.ts` @throws DisposedError after `destroy()`, so that a late call creates nothing */
  buffer(label: string, size: number, usage: number): GPUBuffer {
    this.assertAlive();
    return this.own(this.device.createBuffer({ label, size, usage }), size);
  }

  /** @throws DisposedError after `destroy()` */
  texture(descriptor: GPUTextureDescriptor, bytes: number): GPUTexture {
    this.assertAlive();
    return this.own(this.device.createTexture(descriptor), bytes);
  }

  /** Everything that `make` creates, or nothing. */
  allocate<T>(make: () => T): Allocation<T> {
    this.created = [];
    this.device.pushErrorScope('out-of-memory');
    let made: T;
    try {
      made = make();
    } catch (error) {
      this.device.popErrorScope().catch(() => {});
      throw error;
    }
    const created = this.created;
    const ready = this.device.popErrorScope().then((cause) => {
      if (!cause) return;
      const bytes = created.reduce((sum, resource) => sum + (this.owned.get(resource) ?? 0), 0);
      this.release(created);
      throw new OutOfMemoryError([...new Set(created.map(({ label }) => label))].join(' and '), bytes, { cause });
    });
    ready.catch(() => {}); // whoever awaits it handles it
    return { made, ready };
  }

  /** Leaves a resource to the caller: it is no longer counted here, nor destroyed with this owner. */
  disown(resource: Resource): void {
    this.owned.delete(resource);
  }

  release(resources: Iterable<Resource>): void {
    for (const resource of resources) {
      resource.destroy();
      this.owned.delete(resource);
    }
  }

  destroy(): void {
    this.isDestroyed = true;
    this.release([...this.owned.keys()]);
  }

  private own<T extends Resource>(resource: T, bytes: number): T {
    this.owned.set(resource, bytes);
    this.created.push(resource);
    return resource;
  }

  private assertAlive(): void {
    if (this.isDestroyed) throw new DisposedError('a call');
  }
}
