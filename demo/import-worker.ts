/** Converts a checkpoint of another framework off the page's thread: a File in, model bytes or an error out. */
import { presetOf } from '../src/image/presets.js';
import { importCheckpoint } from '../src/import/index.js';
import { writeModel } from '../src/weights/model-file.js';

addEventListener('message', async ({ data }: MessageEvent<File>) => {
  try {
    const imported = await importCheckpoint(new Uint8Array(await data.arrayBuffer()), data.name);
    // A bare checkpoint does not say how its pictures were prepared; this is what most of its kind expect.
    const preset = imported.config.stem === 'imagenet' ? 'torchvision' : 'cifar10';
    const metadata = { preprocess: presetOf(preset), ...imported.metadata };
    postMessage({ bytes: writeModel(imported.tensors, metadata) });
  } catch (error) {
    postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});
