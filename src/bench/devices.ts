/** GPUs that people have, by their published figures: for the least time that a network can take on them. */

/** How a GPU issues instructions. */
export interface Chip {
  /** The family of `npm run kernels` whose compiler makes its code. */
  readonly family: string;
  /** Vector units, each of which issues for one wave or thread at a time. */
  readonly units: number;
  /** Lanes of a unit that do a multiply-add in one clock. */
  readonly lanes: number;
  readonly gigahertz: number;
}

/** Peak figures, f32 without tensor cores; real kernels reach a part of each. */
export interface DeviceRow {
  readonly name: string;
  readonly teraflops: number;
  readonly gigabytesPerSecond: number;
  readonly source: string;
  readonly chip?: Chip;
}

/** A GPU whose units are known: two flops for each lane and clock. */
function device(name: string, chip: Chip, gigabytesPerSecond: number, source: string): DeviceRow {
  return { name, teraflops: (2 * chip.units * chip.lanes * chip.gigahertz) / 1000, gigabytesPerSecond, source, chip };
}

export const DEVICES: readonly DeviceRow[] = [
  { name: 'NVIDIA H100 SXM', teraflops: 66.9, gigabytesPerSecond: 3350, source: 'NVIDIA H100 data sheet' },
  { name: 'NVIDIA RTX 4090', teraflops: 82.6, gigabytesPerSecond: 1008, source: 'NVIDIA Ada architecture paper' },
  { name: 'NVIDIA RTX 3060', teraflops: 12.7, gigabytesPerSecond: 360, source: 'NVIDIA Ampere GA102 family pages' },
  { name: 'Apple M1 (8-core GPU)', teraflops: 2.6, gigabytesPerSecond: 68, source: 'Apple, M1 announcement' },
  device(
    'AMD Radeon RX 7900 XTX',
    // 96 compute units of 2 SIMD32, each of which issues both halves of a wave of 64 at once.
    { family: 'navi31', units: 192, lanes: 64, gigahertz: 2.5 },
    960,
    'AMD product page; RDNA3 ISA guide for the units',
  ),
  device(
    'AMD Radeon RX 6800 XT',
    { family: 'navi21', units: 144, lanes: 32, gigahertz: 2.25 },
    512,
    'AMD product page; RDNA2 ISA guide for the units',
  ),
  device(
    'AMD Radeon RX Vega 64',
    { family: 'vega10', units: 256, lanes: 16, gigahertz: 1.546 },
    484,
    'AMD product page; Vega ISA guide for the units',
  ),
  device(
    'AMD Radeon Vega 8 (Ryzen 4000)',
    { family: 'renoir', units: 32, lanes: 16, gigahertz: 1.75 },
    51,
    'AMD product page; DDR4-3200, two channels',
  ),
  device(
    'Intel Iris Xe (96 EU, 1.35 GHz)',
    { family: 'tgl', units: 96, lanes: 8, gigahertz: 1.35 },
    68,
    'Intel ARK, Core i7-1185G7; LPDDR4X-4267',
  ),
  device(
    'Intel Arc A770',
    { family: 'dg2', units: 512, lanes: 8, gigahertz: 2.1 },
    560,
    'Intel ARK; Xe-HPG documentation for the units',
  ),
  device(
    'Intel Arc 140V (Core Ultra 200V)',
    { family: 'lnl', units: 64, lanes: 16, gigahertz: 2.05 },
    136,
    'Intel ARK, Core Ultra 9 288V; LPDDR5X-8533',
  ),
  device(
    'Intel Arc B580',
    { family: 'bmg', units: 160, lanes: 16, gigahertz: 2.67 },
    456,
    'Intel ARK; Xe2 documentation for the units',
  ),
  device(
    'Intel HD Graphics 530',
    { family: 'skl', units: 24, lanes: 8, gigahertz: 1.15 },
    34,
    'Intel ARK, Core i7-6700K; DDR4-2133, two channels',
  ),
  device(
    'Qualcomm Adreno 740 (Snapdragon 8 Gen 2)',
    { family: 'a740', units: 24, lanes: 64, gigahertz: 0.68 },
    67,
    'not published: 6 processors of 4 × 64 lanes by the freedreno driver; LPDDR5X-8400, 64 bits',
  ),
];

/** The device of a family, or `undefined` where the table has none. */
export const deviceOf = (family: string): (DeviceRow & { readonly chip: Chip }) | undefined => {
  for (const row of DEVICES) if (row.chip?.family === family) return { ...row, chip: row.chip };
  return undefined;
};

/** Microseconds from one dispatch to the next of the same pass, where nothing else is slower: a guess for desktop GPUs. */
export const DISPATCH_MICROSECONDS = 5;
