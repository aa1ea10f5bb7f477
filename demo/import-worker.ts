/** Converts a checkpoint outside the page's thread. Takes files; answers with the model's bytes or an error message. */
import { importCheckpoint, presetOf, writeModel } from 'densenet-webgpu/import';
import { defaultPreprocess } from './default-preprocess.js';

export interface ConvertRequest {
  readonly file: File;
  /** All files that came together, `file` among them. */
  readonly all: readonly File[];
}

export type Converted =
  | {
      readonly bytes: Uint8Array<ArrayBuffer>;
      /** The preset that was chosen because the file says nothing about preprocessing. */
      readonly defaulted: string | null;
    }
  | { readonly error: string };

async function convert({ file, all }: ConvertRequest): Promise<Converted> {
  const beside = (path: string) => bytesOf(findFile(path, all));
  const imported = await importCheckpoint(await bytesOf(file), file.name, { beside });
  const defaulted = imported.metadata.preprocess ? null : defaultPreprocess(imported.config, imported.source.format);
  if (defaulted === null) return { bytes: writeModel(imported.tensors, imported.metadata), defaulted };
  const metadata = { ...imported.metadata, preprocess: presetOf(defaulted) };
  return { bytes: writeModel(imported.tensors, metadata), defaulted };
}

const bytesOf = async (file: File): Promise<Uint8Array> => new Uint8Array(await file.arrayBuffer());

/** Finds a file by the last part of its path: dropped files have no folders. @throws when it is missing */
function findFile(path: string, files: readonly File[]): File {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const found = files.find((file) => file.name === name);
  if (found) return found;
  const message = `the model's weights are in ${name}: drop it together with the model, all files at once`;
  throw new Error(message);
}

addEventListener('message', async ({ data }: MessageEvent<ConvertRequest>) => {
  const answer = await convert(data).catch(
    (error: unknown): Converted => ({
      error: error instanceof Error ? error.message : String(error),
    }),
  );
  postMessage(answer, 'bytes' in answer ? { transfer: [answer.bytes.buffer] } : {});
});
