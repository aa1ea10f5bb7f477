/**
 * Shows a page's libraries another adapter than there is: a GPU of a given vendor. They then choose the kernels that they
 * would choose there. Limits and features stay those of the real adapter, which must have them.
 */

/** What `adapter.info` says, by vendor: as Chrome reports it for common hardware. */
const GPUS = {
  intel: { architecture: 'xe', subgroup: [8, 32] },
  amd: { architecture: 'rdna-3', subgroup: [32, 64] },
  nvidia: { architecture: 'ampere', subgroup: [32, 32] },
  apple: { architecture: 'metal-3', subgroup: [32, 32] },
  qualcomm: { architecture: 'adreno-7xx', subgroup: [64, 128] },
} as const;

export type Disguise = keyof typeof GPUS;

export const DISGUISES = Object.keys(GPUS).filter(isDisguise);

export function isDisguise(name: string): name is Disguise {
  return Object.hasOwn(GPUS, name);
}

/** From now on every adapter and device of this page says that it is such a GPU. Call it before a library is loaded. */
export function disguiseAdapters(vendor: Disguise): void {
  const { architecture, subgroup } = GPUS[vendor];
  const [subgroupMinSize, subgroupMaxSize] = subgroup;
  const facts = {
    vendor,
    architecture,
    device: '',
    description: '',
    subgroupMinSize,
    subgroupMaxSize,
    isFallbackAdapter: false,
  };
  const replace = (prototype: object, property: string) => {
    const real = Object.getOwnPropertyDescriptor(prototype, property)?.get;
    const get = function (this: unknown) {
      const info: object = real?.call(this) ?? {};
      const properties = Object.entries(facts).map(([name, value]) => [name, { value, enumerable: true }] as const);
      return Object.create(info, Object.fromEntries(properties));
    };
    Object.defineProperty(prototype, property, { get, configurable: true });
  };
  if (typeof GPUAdapter === 'undefined') return;
  replace(GPUAdapter.prototype, 'info');
  replace(GPUDevice.prototype, 'adapterInfo');
  Object.defineProperty(GPUAdapter.prototype, 'isFallbackAdapter', { get: () => false, configurable: true });
}
