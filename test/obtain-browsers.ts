/** Before all tests: gets the browsers that they run in, as the command line would; without one, says what is skipped. */
import { note } from '../src/cli/command.js';
import { obtainBrowser } from '../src/cli/obtain-browser.js';

export default async function obtainBrowsers(): Promise<void> {
  for (const kind of ['chrome', 'firefox'] as const) {
    try {
      await obtainBrowser(kind);
    } catch (error) {
      note(`SKIPPING every test in ${kind}: ${error instanceof Error ? error.message : error}`);
    }
  }
}
