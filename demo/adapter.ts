/** Names adapters, and tells software from a GPU. */
import type { AdapterReport } from 'densenet-webgpu';

/** Some software renderers do not set `isFallback`. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render/i;

export const isSoftware = (name: string): boolean => SOFTWARE.test(name);

export function adapterName({ vendor, architecture, device, description, isFallback }: AdapterReport): string {
  const name = [vendor, architecture, description || device].filter(Boolean).join(' ') || 'not named by this browser';
  return isFallback || isSoftware(name) ? `${name} (software, no GPU: correct, but slow)` : name;
}
