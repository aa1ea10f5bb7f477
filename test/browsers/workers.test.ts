/** Several networks in several workers, with concurrent calls: every call gets its own result. */
import { describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { openNetwork, outcome, serveNetwork } from './network-page.js';

const WORKERS = 3;
const CALLS = 100;
/** Two networks on one device of the worker. Compares the logits of 100 concurrent calls with those of single calls. */
const WORKER = `
const { DenseNet } = await import(ORIGIN + '/dist/densenet-webgpu.js');
const device = await (await navigator.gpu.requestAdapter()).requestDevice();
const load = () => DenseNet.load(ORIGIN + '/model', { device });
const nets = [await load(), await load()];
const ask = async (i) => {
  const data = new Float32Array(3 * 8 * 8).fill(i % 5);
  return String((await nets[i % 2].run({ data, shape: [1, 3, 8, 8] })).logits);
};
const alone = [];
for (let i = 0; i < 10; i++) alone.push(await ask(i));
const together = await Promise.all(Array.from({ length: ${CALLS} }, (_, i) => ask(i)));
for (const net of nets) net.dispose();
postMessage({ right: together.filter((answer, i) => answer === alone[i % 10]).length, kinds: new Set(alone).size });`;

describe.each(['chrome', 'firefox'] as const)('in %s', (kind) => {
  it.skipIf(!findBrowser(kind))(`${WORKERS} workers with two networks each, and the page's own`, async () => {
    const browser = await launchBrowser(kind);
    const server = await serveNetwork("default-src 'self' blob:; script-src 'self' blob:");
    try {
      const page = await openNetwork(browser, server);
      const script = WORKER.replaceAll('ORIGIN', JSON.stringify(server.origin));
      const answers = await outcome(
        page,
        `const url = URL.createObjectURL(new Blob([${JSON.stringify(script)}], { type: 'text/javascript' }));
        const alone = String(await logits(3));
        const workers = Array.from({ length: ${WORKERS} }, () => new Promise((resolve, reject) => {
          const worker = new Worker(url, { type: 'module' });
          worker.onmessage = ({ data }) => resolve(JSON.stringify(data));
          worker.onerror = ({ message }) => reject(new Error(message));
        }));
        const own = Promise.all(Array.from({ length: ${CALLS} }, () => logits(3)));
        const right = (await own).filter((answer) => String(answer) === alone).length;
        return [right, ...await Promise.all(workers)].join(' ')`,
      );
      const each = JSON.stringify({ right: CALLS, kinds: 5 });
      expect(answers).toBe([CALLS, each, each, each].join(' '));
    } finally {
      await browser.close();
      await server.close();
    }
  });
});
