/**
 * Before the tests that need a GPU or a browser: says which of them are missing, so that their tests are skipped, and
 * downloads SwiftShader to this project's cache where no browser has it. Installs nothing on the system.
 */
import { findDriver } from '../src/cli/dawn.js';
import { findBrowser } from '../src/cli/installed-browsers.js';
import { downloadSwiftShader } from '../src/cli/swiftshader.js';
import { note } from '../src/cli/terminal.js';

export default async function prepareBackends(): Promise<void> {
  for (const kind of ['chrome', 'firefox'] as const) {
    if (findBrowser(kind) === null) note(`SKIPPING every test in ${kind}: it is not installed`);
  }
  if (process.platform !== 'linux') return;
  if (findDriver('lavapipe') === null) note('SKIPPING every test on lavapipe: mesa-vulkan-drivers is not installed');
  if (findDriver('swiftshader') !== null) return;
  await downloadSwiftShader().catch(({ message }) => note(`SKIPPING every test on SwiftShader: ${message}`));
}
