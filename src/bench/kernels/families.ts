/**
 * GPU families whose compilers can be run without the GPU, and the environment in which Vulkan offers each: Mesa's
 * drivers, with a library in front that stands for the hardware. docs/kernel-lab.md says how one gets these.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { UsageError } from '../../cli/command.js';
import { PACKAGE } from '../../cli/files.js';
import { readAdreno } from './adreno.js';
import { readAmd } from './amd.js';
import { readIntel } from './intel.js';
import type { Program } from './program.js';

export type Vendor = 'amd' | 'intel' | 'adreno';

export interface Family {
  readonly name: string;
  readonly vendor: Vendor;
}

const FAMILIES: Readonly<Record<Vendor, readonly string[]>> = {
  amd: ['polaris10', 'vega10', 'renoir', 'navi10', 'navi21', 'navi31', 'gfx1150', 'gfx1201'],
  intel: ['skl', 'icl', 'tgl', 'adl', 'mtl', 'dg2', 'lnl', 'bmg'],
  adreno: ['a630', 'a660', 'a730', 'a740', 'a750'],
};
/** Intel's families whose vector unit has 16 lanes; it has 8 in those before. */
const XE2: ReadonlySet<string> = new Set(['lnl', 'bmg']);
const VENDORS: readonly Vendor[] = ['amd', 'intel', 'adreno'];

export const FAMILY_NAMES: readonly string[] = VENDORS.flatMap((vendor) => FAMILIES[vendor]);

/** The environment variable that names the folder of the drivers. */
export const DRIVERS_VARIABLE = 'DENSENET_GPU_LAB';

/** The folder that the variable names, or data beside the checkout, which the project's own tests use where it is. */
export function driversFolder(): string | undefined {
  const beside = join(PACKAGE, '../shared/gpu-lab');
  return process.env[DRIVERS_VARIABLE] ?? (existsSync(beside) ? beside : undefined);
}

/** The files of each vendor in that folder. */
const LIBRARIES: Readonly<Record<Vendor, readonly string[]>> = {
  amd: ['lib/amd/libvulkan.so.1'],
  intel: ['lib/intel/libintel_noop_drm_shim.so'],
  adreno: ['lib/adreno/libfreedreno_noop_drm_shim.so', 'lib/adreno/libvulkan_freedreno.so'],
};

/** Mesa's drivers as distributions install them. */
const MANIFESTS: Readonly<Record<'amd' | 'intel', readonly string[]>> = {
  amd: ['/usr/share/vulkan/icd.d/radeon_icd.json', '/usr/share/vulkan/icd.d/radeon_icd.x86_64.json'],
  intel: ['/usr/share/vulkan/icd.d/intel_icd.json', '/usr/share/vulkan/icd.d/intel_icd.x86_64.json'],
};

/** @throws UsageError that lists the families */
export function familyNamed(name: string): Family {
  const vendor = VENDORS.find((each) => FAMILIES[each].includes(name));
  if (!vendor) throw new UsageError(`--gpu: there is no family "${name}"; there are ${FAMILY_NAMES.join(', ')}`);
  return { name, vendor };
}

/** @returns what is missing for a vendor's compiler, in one sentence, or `null` */
export function missingDriver({ vendor, name }: Family, folder: string | undefined): string | null {
  const see = 'docs/kernel-lab.md says how to get the drivers';
  if (process.platform !== 'linux') return `The GPU compilers run on Linux only; ${see}.`;
  if (!folder) return `No folder of GPU drivers is named: set ${DRIVERS_VARIABLE} or give --drivers DIR; ${see}.`;
  const absent = LIBRARIES[vendor].map((file) => join(folder, file)).find((path) => !existsSync(path));
  if (absent) return `The driver of ${name} needs ${absent}, which does not exist; ${see}.`;
  if (vendor !== 'adreno' && !manifestOf(vendor))
    return `The driver of ${name} is not installed (${MANIFESTS[vendor][0]}): install mesa-vulkan-drivers.`;
  return null;
}

const manifestOf = (vendor: 'amd' | 'intel'): string | undefined => MANIFESTS[vendor].find((path) => existsSync(path));

/**
 * The environment of a process in which Vulkan offers this GPU alone, and its compiler prints what it makes.
 *
 * @param folder of the drivers
 * @param temporary where a driver's manifest may be written; it must last as long as the process
 */
export function environmentOf({ name, vendor }: Family, folder: string, temporary: string): Record<string, string> {
  const common = { XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(), MESA_SHADER_CACHE_DISABLE: 'true' };
  const [library = '', driver = ''] = LIBRARIES[vendor].map((file) => resolve(folder, file));
  switch (vendor) {
    case 'amd':
      return {
        ...common,
        VK_ICD_FILENAMES: manifestOf(vendor) ?? '',
        LD_LIBRARY_PATH: resolve(folder, 'lib/amd'),
        RADV_FORCE_FAMILY: name,
        RADV_DEBUG: 'shaderstats,asm',
      };
    case 'intel':
      return {
        ...common,
        VK_ICD_FILENAMES: manifestOf(vendor) ?? '',
        LD_PRELOAD: library,
        INTEL_STUB_GPU_PLATFORM: name,
        INTEL_DEBUG: 'cs',
      };
    case 'adreno':
      return {
        ...common,
        VK_ICD_FILENAMES: adrenoManifest(driver, temporary),
        LD_PRELOAD: library,
        FD_GPU_ID: name.slice(1),
        IR3_SHADER_DEBUG: 'cs,disasm',
      };
  }
}

/** No distribution for PCs installs it, so the driver comes without a manifest. */
function adrenoManifest(library: string, temporary: string): string {
  const path = join(temporary, 'icd.json');
  const manifest = { file_format_version: '1.0.0', ICD: { api_version: '1.3.0', library_path: library } };
  writeFileSync(path, JSON.stringify(manifest));
  return path;
}

/** @param invocations of a workgroup @returns `null` where the driver printed no compute shader */
export function readProgram({ vendor, name }: Family, text: string, invocations: number): Program | null {
  switch (vendor) {
    case 'amd':
      return readAmd(text, invocations);
    case 'intel':
      return readIntel(text, XE2.has(name) ? 16 : 8);
    case 'adreno':
      return readAdreno(text);
  }
}
