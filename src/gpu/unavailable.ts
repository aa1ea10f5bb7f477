/** Why there is no GPU to run on where there is WebGPU, and what a visitor can do. */
export const whyUnavailable = {
  'no-adapter':
    'WebGPU is here but it offers no adapter: update the graphics driver, or enable hardware acceleration in the settings',
  'no-device': 'the adapter refused to open a device: reload the page or restart the browser',
} as const;
