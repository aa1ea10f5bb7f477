/** Before all tests: gets the browsers that they run in, as the command line would; without one, says what is skipped. */
import { obtainBrowser } from '../src/cli/browser.js';
import { note } from '../src/cli/terminal.js';

export default async function obtainBrowsers(): Promise<void> {
  for (const kind of ['chrome', 'firefox'] as const) {
    try {
      await obtainBrowser(kind);
    } catch (error) {
      note(`SKIPPING every test in ${kind}: ${error instanceof Error ? error.message : error}`);
    }
  }
}
