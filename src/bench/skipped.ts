/** Which peers of a case cannot run here, and why: a missing package, a missing `.tflite`, an adapter of its own. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE } from '../cli/files.js';
import { caseName, describeMissingTflite } from './case-files.js';
import type { Disguise } from './disguise.js';
import { type PeerName, peerRow } from './peer.js';

export interface Skipped {
  readonly name: PeerName;
  readonly reason: string;
}

/** Where `make_tflite.py` puts its files, and `--tflite` looks for them by default. */
export const TFLITE_FOLDER = join(PACKAGE, '.cache/tflite');

/** A case's `.tflite` in the folder of `--tflite`. */
export const tfliteFile = (which: Parameters<typeof caseName>[0], folder: string): string =>
  join(folder, `${caseName(which)}.tflite`);

/** Its bytes, where it is there. */
export const readTflite = (path: string): Uint8Array<ArrayBuffer> | undefined =>
  existsSync(path) ? new Uint8Array(readFileSync(path)) : undefined;

/** @returns null for a peer that can run */
export function skipReason(name: PeerName, tfliteFile: string, as: Disguise | undefined): string | null {
  const { package: needed, needsTflite } = peerRow(name);
  if (needed !== 'densenet-webgpu' && !existsSync(join(PACKAGE, 'node_modules', needed)))
    return `the package ${needed} is not installed: run npm install`;
  if (needsTflite && !existsSync(tfliteFile)) return describeMissingTflite(tfliteFile);
  if (as !== undefined && name === 'ort-node-webgpu')
    return `onnxruntime-node opens the GPU by itself, so that no other adapter can be presented to it`;
  return null;
}
