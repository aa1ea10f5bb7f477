/** Opens a network on the backend that the user chose, or on the first that works; and runs it in this process. */
import { assertDefined } from '../core/assert.js';
import { WebGPUUnavailableError } from '../core/errors.js';
import { DenseNet } from '../densenet.js';
import { missingPackage } from './command.js';
import { anyGpu } from './dawn.js';
import { findBrowser } from './installed-browsers.js';
import type { Backend, DecodedImage, Runner, RunnerOptions } from './runner.js';
import { note } from './terminal.js';

/**
 * @param backend `auto` takes an installed Chrome, Chromium or Edge, and Node with Dawn where there is none or it has no
 * WebGPU
 * @throws WebGPUUnavailableError when nothing here has WebGPU; what `DenseNet.load` throws
 */
export async function openRunner(backend: Backend, model: Uint8Array, options: RunnerOptions): Promise<Runner> {
  if (backend === 'node') return openInNode(model, options);
  if (backend !== 'auto') return openInBrowser(backend, model, options);
  if (findBrowser('chrome') === null) {
    note('No Chrome, Chromium or Edge is installed: using WebGPU in Node.');
    return openInNode(model, options);
  }
  try {
    return await openInBrowser('chrome', model, options);
  } catch (error) {
    const missing = missingPackage(error);
    if (!(error instanceof WebGPUUnavailableError) && missing === null) throw error;
    const why = error instanceof WebGPUUnavailableError ? error.message : `the npm package ${missing} is missing`;
    note(`${why}\nUsing WebGPU in Node.`);
    return openInNode(model, options);
  }
}

// npm packages are imported where they are used: not all of them need be installed.

async function openInBrowser(kind: 'chrome' | 'firefox', model: Uint8Array, options: RunnerOptions): Promise<Runner> {
  const { openBrowserRunner } = await import('./browser-runner.js');
  return openBrowserRunner(kind, model, options);
}

async function openInNode(model: Uint8Array, options: RunnerOptions): Promise<Runner> {
  const net = await DenseNet.load(model, { gpu: await anyGpu(), ...options });
  const images = new Map<number, DecodedImage>();
  let last = 0;
  const imageOf = (id: number) => assertDefined(images.get(id), `image ${id}`);
  return {
    backend: 'node',
    adapter: net.adapter,
    tuning: net.tuning,
    async open(image) {
      const { decodeImage } = await import('./decode-image.js');
      const id = ++last;
      images.set(id, image.pixels ?? (await decodeImage(image)));
      return id;
    },
    predict: async (ids, vectors) => {
      const found = await net.intermediates(ids.map(imageOf), { only: vectors });
      return new Map(vectors.map((name) => [name, assertDefined(found.get(name), name)]));
    },
    release: (ids) => ids.forEach((id) => void images.delete(id)),
    taps: (data, shape) => net.taps({ data, shape }),
    async teach(classes, teaching) {
      const teacher = net.teach(classes, teaching);
      return {
        addExample: async (label, id) => void (await teacher.addExample(label, imageOf(id))),
        async train(saving) {
          const { net: taught, accuracy } = await teacher.train();
          const file = await taught.toSafetensors(saving);
          taught.dispose();
          return { accuracy, file };
        },
      };
    },
    close: async () => net.dispose(),
  };
}
