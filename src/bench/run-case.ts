/** Runs a case on a backend: writes its files, computes the reference logits, opens the peers and measures them. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../cli/command.js';
import type { BrowserKind } from '../cli/installed-browsers.js';
import { note } from '../cli/terminal.js';
import type { NetworkProfile } from '../index.js';
import { FAMILY } from '../model/family.js';
import { openBrowserPeers } from './browser-peers.js';
import { type CaseFiles, caseFiles, caseName, seededModel, TINY } from './case-files.js';
import { type Measured, measureCase } from './measure.js';
import type { ModelFiles, PeerName, Task } from './peer.js';
import { openProcess, type ProcessOptions } from './process-peers.js';
import type { PeerClient } from './protocol.js';
import { readTflite, type Skipped, skipReason, tfliteFile } from './skipped.js';

export interface BenchCase {
  /** A name of the family, `tiny`, or the path of a safetensors file. */
  readonly model: string;
  readonly batch: number;
}

/** The default of `--cases`. */
export const STANDARD_CASES = 'densenet121:1,densenet121:8,densenet-bc-100-12:1,densenet-bc-100-12:32';

/** @param text `MODEL:BATCH,…`; the batch is 1 where it is left out @throws UsageError */
export function parseCases(text: string): BenchCase[] {
  return text.split(',').map((part) => {
    const [, model = '', batch = '1'] = /^(.*?)(?::(\d+))?$/.exec(part.trim()) ?? [];
    const known = model === TINY || Object.hasOwn(FAMILY, model) || existsSync(model);
    if (!known || Number(batch) < 1) {
      const models = [...Object.keys(FAMILY), TINY].join(', ');
      throw new UsageError(`--cases: "${part}" is not MODEL:BATCH; models are ${models}, or a safetensors file`);
    }
    return { model, batch: Number(batch) };
  });
}

/** The safetensors file of a case: seeded random weights for a name, or the file itself. */
export function modelBytes({ model }: BenchCase): Uint8Array<ArrayBuffer> {
  return existsSync(model) ? new Uint8Array(readFileSync(model)) : seededModel(model);
}

export type Backend = BrowserKind | 'node';

export interface RunOptions extends ProcessOptions {
  readonly backend: Backend;
  readonly rounds: number;
  readonly budgetMs: number;
  /** The folder of `.tflite` files. */
  readonly tflite: string;
}

/** Opens the peers of one case: on pages of one browser, or in processes. */
interface PeerOpener {
  readonly files: ModelFiles;
  readonly version: string | null;
  open(name: PeerName): Promise<PeerClient>;
  close(): Promise<void>;
}

export interface CaseMeasured extends Measured {
  readonly browser: string | null;
  readonly inputSize: readonly [height: number, width: number];
  readonly skipped: readonly Skipped[];
}

/** @throws Error when the backend cannot be opened */
export async function runCase(
  which: BenchCase,
  peers: readonly PeerName[],
  options: RunOptions,
): Promise<CaseMeasured> {
  const skipped = peers.flatMap((name) => {
    const reason = skipReason(name, tfliteFile(which, options.tflite), options.as);
    return reason === null ? [] : [{ name, reason }];
  });
  for (const { name, reason } of skipped) note(`  ${name} is skipped: ${reason}`);
  const able = peers.filter((name) => !skipped.some((each) => each.name === name));
  return withPeers(which, options, async (opener, task, folder) => {
    const reference = await referenceLogits({ ...task, files: folder }, options);
    const { rounds, budgetMs } = options;
    const measured = await measureCase(able, task, {
      rounds,
      budgetMs,
      reference,
      note,
      open: (name) => opener.open(name),
    });
    const [, , height, width] = task.shape;
    return { ...measured, browser: opener.version, inputSize: [height, width], skipped };
  });
}

/** Writes the files of each case to FOLDER/NAME, with its shape and classes in `case.json`. */
export function exportCases(cases: readonly BenchCase[], folder: string): void {
  for (const which of cases) {
    const made = caseFiles(modelBytes(which), which.batch);
    const into = join(folder, caseName(which));
    mkdirSync(into, { recursive: true });
    rmSync(writeFiles(made, into).tflite);
    const { shape, config } = made;
    writeFileSync(join(into, 'case.json'), JSON.stringify({ ...which, shape, classes: config.classes }));
    note(into);
  }
}

/** Profiles ours, step by step. */
export function profileCase(which: BenchCase, options: RunOptions): Promise<NetworkProfile | null> {
  return withPeers(which, options, async (opener, task) => {
    const ours = await opener.open('ours');
    try {
      await ours.call('cold', { ...task, peer: 'ours' });
      return await ours.call('profile', null);
    } finally {
      await ours.close();
    }
  });
}

async function withPeers<T>(
  which: BenchCase,
  options: RunOptions,
  action: (opener: PeerOpener, task: Omit<Task, 'peer'>, folder: ModelFiles) => Promise<T>,
): Promise<T> {
  const made = caseFiles(modelBytes(which), which.batch, readTflite(tfliteFile(which, options.tflite)));
  const folder = mkdtempSync(join(tmpdir(), 'densenet-webgpu-bench-'));
  try {
    const files = writeFiles(made, folder);
    const opener = await openBackend(options, made, files);
    try {
      const { config, shape } = made;
      const task = { shape, classes: config.classes, files: opener.files, threads: cpus().length };
      return await action(opener, task, files);
    } finally {
      await opener.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function openBackend(options: RunOptions, made: CaseFiles, files: ModelFiles): Promise<PeerOpener> {
  if (options.backend !== 'node') return openBrowserPeers(options.backend, made, options);
  const open = async (name: PeerName) => openProcess(name, options);
  return Promise.resolve({ files, version: null, open, close: async () => undefined });
}

function writeFiles({ bytes }: CaseFiles, folder: string): ModelFiles {
  const put = (name: keyof ModelFiles) => {
    const path = join(folder, name);
    writeFileSync(path, bytes[name]);
    return path;
  };
  return {
    safetensors: put('safetensors'),
    onnx: put('onnx'),
    tfjs: put('tfjs'),
    tfjsWeights: put('tfjsWeights'),
    tflite: put('tflite'),
    input: put('input'),
  };
}

/** The logits of ONNX Runtime's native CPU code, or null where it does not run: the peers are compared then. */
async function referenceLogits(task: Omit<Task, 'peer'>, options: RunOptions): Promise<readonly number[] | null> {
  const peer = 'ort-node-cpu';
  const client = openProcess(peer, options);
  try {
    return (await client.call('cold', { ...task, peer })).logits;
  } catch (error) {
    note(
      `  no reference from onnxruntime-node (${error instanceof Error ? error.message : error}); comparing the peers`,
    );
    return null;
  } finally {
    await client.close();
  }
}
