/** A case on a backend: its files put where the peers can read them, its reference, its peers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { note } from '../cli/command.js';
import type { BrowserKind } from '../cli/installed-browsers.js';
import type { NetworkProfile } from '../index.js';
import { openStage } from './browser-contender.js';
import { type BenchCase, modelBytes } from './case.js';
import { type CaseFiles, caseFiles } from './case-files.js';
import type { Contender } from './contender.js';
import { type Measured, measureCase } from './measure.js';
import type { ModelFiles, PeerName, Task } from './peer.js';
import { openProcess, type ProcessOptions } from './process-contender.js';

export type Backend = BrowserKind | 'node';

export interface RunOptions extends ProcessOptions {
  readonly backend: Backend;
  readonly rounds: number;
  readonly budgetMs: number;
}

/** Where the peers of one case live: pages of a fresh browser, or processes. */
interface Stage {
  readonly files: ModelFiles;
  readonly version: string | null;
  open(name: PeerName): Promise<Contender>;
  close(): Promise<void>;
}

export interface CaseMeasured extends Measured {
  readonly browser: string | null;
  readonly inputSize: readonly [height: number, width: number];
}

/** @throws Error when the backend itself cannot be had */
export async function runCase(
  which: BenchCase,
  peers: readonly PeerName[],
  options: RunOptions,
): Promise<CaseMeasured> {
  return onStage(which, options, async (stage, task, folder) => {
    const reference = await referenceLogits({ ...task, files: folder }, options);
    const { rounds, budgetMs } = options;
    const measured = await measureCase(peers, task, {
      rounds,
      budgetMs,
      reference,
      note,
      open: (name) => stage.open(name),
    });
    const [, , height, width] = task.shape;
    return { ...measured, browser: stage.version, inputSize: [height, width] };
  });
}

/** Ours alone, step by step. */
export function profileCase(which: BenchCase, options: RunOptions): Promise<NetworkProfile | null> {
  return onStage(which, options, async (stage, task) => {
    const ours = await stage.open('ours');
    try {
      await ours.ask('cold', { ...task, peer: 'ours' });
      return await ours.ask('profile', null);
    } finally {
      await ours.close();
    }
  });
}

async function onStage<T>(
  which: BenchCase,
  options: RunOptions,
  action: (stage: Stage, task: Omit<Task, 'peer'>, folder: ModelFiles) => Promise<T>,
): Promise<T> {
  const made = caseFiles(modelBytes(which), which.batch);
  const folder = mkdtempSync(join(tmpdir(), 'densenet-webgpu-bench-'));
  try {
    const files = writeFiles(made, folder);
    const stage = await openBackend(options, made, files);
    try {
      const { config, shape } = made;
      const task = { shape, classes: config.classes, files: stage.files, threads: cpus().length };
      return await action(stage, task, files);
    } finally {
      await stage.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function openBackend(options: RunOptions, made: CaseFiles, files: ModelFiles): Promise<Stage> {
  if (options.backend !== 'node') return openStage(options.backend, made, options.timeoutMs);
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
    input: put('input'),
  };
}

/** The logits by ONNX Runtime's native CPU code; without it, the first peer's will do. */
async function referenceLogits(task: Omit<Task, 'peer'>, options: RunOptions): Promise<readonly number[] | null> {
  const peer = 'ort-node-cpu';
  const contender = openProcess(peer, options);
  try {
    return (await contender.ask('cold', { ...task, peer })).logits;
  } catch (error) {
    note(
      `  no reference from onnxruntime-node (${error instanceof Error ? error.message : error}); comparing the peers`,
    );
    return null;
  } finally {
    await contender.close();
  }
}
