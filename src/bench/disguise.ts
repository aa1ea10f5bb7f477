/**
 * Presents a GPU of a given vendor to the libraries of a page or process, whatever adapter there is. They then choose the
 * kernels that they would choose there: this package its GPU rows, others those for the vendor. Limits and features stay
 * those of the real adapter, which must have them.
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

/** The vendor and architecture that libraries are told. */
export const presentedName = (vendor: Disguise): string => `${vendor} ${GPUS[vendor].architecture}`;

type NamedAdapter = Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'description'>;

/** Vendor, architecture and description, as far as an adapter tells them. */
export const adapterName = ({ vendor, architecture, description }: NamedAdapter): string =>
  [vendor, architecture, description].filter((part) => part !== '').join(' ');

/**
 * From now on every adapter of `gpu`, and its devices, say that they are such a GPU and no software. Call it before a
 * library is loaded.
 *
 * @returns tells the name of the real adapter: `null` before any library has asked for one
 */
export function disguiseAdapters(gpu: GPU, vendor: Disguise): () => string | null {
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
  let real: string | null = null;
  const { requestAdapter } = gpu;
  gpu.requestAdapter = async (options) => {
    const adapter = await requestAdapter.call(gpu, options);
    if (!adapter) return adapter;
    const { info } = adapter;
    real = adapterName(info);
    const value = Object.create(info, Object.getOwnPropertyDescriptors(facts));
    // Properties of the objects themselves: Dawn in Node has none on the prototypes.
    Object.defineProperty(adapter, 'info', { value, configurable: true });
    Object.defineProperty(adapter, 'isFallbackAdapter', { value: false, configurable: true });
    const { requestDevice } = adapter;
    adapter.requestDevice = async (descriptor) => {
      const device = await requestDevice.call(adapter, descriptor);
      Object.defineProperty(device, 'adapterInfo', { value, configurable: true });
      return device;
    };
    return adapter;
  };
  return () => real;
}
