/** Why there is no GPU to run on, and what a visitor can do. */
import type { WebGPUUnavailableError } from '../errors.js';

export const whyUnavailable: Readonly<Record<WebGPUUnavailableError['reason'], string>> = {
  'no-webgpu':
    'this browser has no WebGPU (navigator.gpu is missing): use Chrome or Edge 113+, Firefox 141+ or Safari 26+, over https or localhost',
  'no-adapter':
    'WebGPU is here but it offers no adapter: update the graphics driver, or enable hardware acceleration in the settings',
  'no-device': 'the adapter refused to open a device: reload the page or restart the browser',
};
