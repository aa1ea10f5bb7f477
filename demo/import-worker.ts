/** Reads a checkpoint off the page's thread: files in, model bytes or the reason against them out. */
import { importCheckpoint, presetOf, writeModel } from 'densenet-webgpu/import';
import { assumedPreset } from './assumed.js';

/** A model, and the files that came together with it. */
export interface Chosen {
  readonly file: File;
  readonly others: readonly File[];
}

export type Converted =
  | {
      readonly bytes: Uint8Array<ArrayBuffer>;
      /** The preset that was taken for preprocessing because the file names none. */
      readonly assumed: string | null;
    }
  | { readonly error: string };

async function convert({ file, others }: Chosen): Promise<Converted> {
  const beside = (path: string) => bytesOf(named(path, others));
  const imported = await importCheckpoint(await bytesOf(file), file.name, { beside });
  const assumed = imported.metadata.preprocess ? null : assumedPreset(imported.config, imported.source.format);
  if (assumed === null) return { bytes: writeModel(imported.tensors, imported.metadata), assumed };
  const metadata = { ...imported.metadata, preprocess: presetOf(assumed) };
  return { bytes: writeModel(imported.tensors, metadata), assumed };
}

const bytesOf = async (file: File): Promise<Uint8Array> => new Uint8Array(await file.arrayBuffer());

/** Dropped files have no folders: the last part of a path is what they are known by. */
function named(path: string, files: readonly File[]): File {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const found = files.find((file) => file.name === name);
  if (found) return found;
  const message = `the model's weights are in ${name}: drop it together with the model, all files at once`;
  throw new Error(message);
}

addEventListener('message', async ({ data }: MessageEvent<Chosen>) => {
  const answer = await convert(data).catch(
    (error: unknown): Converted => ({
      error: error instanceof Error ? error.message : String(error),
    }),
  );
  postMessage(answer, 'bytes' in answer ? { transfer: [answer.bytes.buffer] } : {});
});
