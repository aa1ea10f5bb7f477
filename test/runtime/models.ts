/** Model files for the runtime's tests, imported from the frameworks' fixtures. */

import { presetOf } from '../../src/image/presets.js';
import { importCheckpoint } from '../../src/import/index.js';
import { writeModel } from '../../src/weights/model-file.js';
import { FIXTURES, readBytes, readReference } from '../reference/fixtures.js';

/** @param preset how pictures are prepared; without one the model takes tensors only */
export async function modelOf(name: string, preset?: string): Promise<Uint8Array> {
  const { tensors, metadata } = await importCheckpoint(readBytes(`${FIXTURES}${name}.pth`), name);
  return writeModel(tensors, preset === undefined ? metadata : { ...metadata, preprocess: presetOf(preset) });
}

export function inputOf(name: string): { data: Float32Array; shape: [number, number, number, number] } {
  const input = readReference(name).get('input');
  const [n = 0, c = 0, h = 0, w = 0] = input?.shape ?? [];
  return { data: input?.values ?? new Float32Array(), shape: [n, c, h, w] };
}
