/** Reads a checkpoint off the page's thread: a File in, model bytes or the reason against them out. */
import { presetOf } from '../src/image/presets.js';
import { importCheckpoint } from '../src/import/index.js';
import { writeModel } from '../src/weights/model-file.js';
import { assumedPreset } from './assumed.js';

export type Converted =
  | {
      readonly bytes: Uint8Array<ArrayBuffer>;
      /** The preset that was taken for preprocessing because the file names none. */
      readonly assumed: string | null;
    }
  | { readonly error: string };

async function convert(file: File): Promise<Converted> {
  const imported = await importCheckpoint(new Uint8Array(await file.arrayBuffer()), file.name);
  const assumed = imported.metadata.preprocess ? null : assumedPreset(imported.config);
  if (assumed === null) return { bytes: writeModel(imported.tensors, imported.metadata), assumed };
  const metadata = { ...imported.metadata, preprocess: presetOf(assumed) };
  return { bytes: writeModel(imported.tensors, metadata), assumed };
}

addEventListener('message', async ({ data }: MessageEvent<File>) => {
  const answer = await convert(data).catch(
    (error: unknown): Converted => ({
      error: error instanceof Error ? error.message : String(error),
    }),
  );
  postMessage(answer, 'bytes' in answer ? { transfer: [answer.bytes.buffer] } : {});
});
