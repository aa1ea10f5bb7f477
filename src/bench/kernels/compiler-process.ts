/**
 * A GPU family's compiler: a process of its own with the driver's environment, in which Dawn compiles what it is sent.
 * The driver prints to the process's standard error, which is a file; marks in it tell the kernels apart.
 */
import { fork } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dawnGpu } from '../../cli/dawn.js';
import { environmentOf, type Family } from './families.js';
import { type Kernel, type Network, plannedWork, type Work } from './planned.js';

/** The hidden option by which `kernels` starts its own processes. */
export const COMPILER_FLAG = '--compiler-process';

/** What is to be compiled: a network as it is planned on this GPU, or kernels from elsewhere. */
export type Order = { readonly network: Network } | { readonly work: Work };

export interface Compiled {
  /** As the adapter says of itself. */
  readonly adapter: string;
  /** Smallest and largest subgroup. */
  readonly subgroup: readonly [min: number, max: number];
  readonly work: Work;
  /** What the driver printed for each kernel. */
  readonly outputs: readonly string[];
  /** Why a kernel was not compiled, or `null`. */
  readonly failures: readonly (string | null)[];
}

type Reply = Omit<Compiled, 'outputs'> | { readonly error: string };

const markOf = (index: number): string => `@@densenet kernel ${index}@@`;

/** @throws Error when the driver offers no GPU, or ends its process, with its last words */
export async function compile(family: Family, drivers: string, order: Order): Promise<Compiled> {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-kernels-'));
  const log = join(folder, 'log');
  const stderr = openSync(log, 'w');
  try {
    const child = fork(process.argv[1] ?? '', ['kernels', COMPILER_FLAG], {
      env: { ...process.env, ...environmentOf(family, drivers, folder) },
      stdio: ['ignore', 'ignore', stderr, 'ipc'],
    });
    const reply = await new Promise<Reply>((resolve, reject) => {
      child.on('message', (message: Reply) => resolve(message));
      child.on('error', reject);
      child.on('exit', (code, signal) => resolve({ error: `its process ended (${signal ?? `exit code ${code}`})` }));
      child.send(order);
    });
    child.kill();
    const text = readFileSync(log, 'utf8');
    if ('error' in reply) throw new Error(`the driver of ${family.name} failed: ${reply.error}\n${text.slice(-600)}`);
    return { ...reply, outputs: outputsOf(text, reply.work.kernels.length) };
  } finally {
    closeSync(stderr);
    rmSync(folder, { recursive: true, force: true });
  }
}

function outputsOf(log: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const start = log.indexOf(markOf(i));
    return start < 0 ? '' : log.slice(start + markOf(i).length, log.indexOf(markOf(i + 1), start));
  });
}

/** The other end: takes one order. */
export async function serveCompiler(): Promise<number> {
  const order = await new Promise<Order>((resolve) => process.once('message', (message: Order) => resolve(message)));
  const reply: Reply = await compileHere(order).catch((error: unknown) => ({ error: String(error) }));
  await new Promise((resolve) => process.send?.(reply, resolve));
  await new Promise((resolve) => process.once('disconnect', resolve));
  return 0;
}

async function compileHere(order: Order): Promise<Reply> {
  const gpu = await dawnGpu();
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error('Vulkan offers no adapter');
  const { info, limits } = adapter;
  const device = await adapter.requestDevice({
    requiredFeatures: FEATURES.filter((feature) => adapter.features.has(feature)),
    requiredLimits: {
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
    },
  });
  const work = 'work' in order ? order.work : plannedWork(device, order.network);
  const failures: (string | null)[] = [];
  for (const [i, kernel] of work.kernels.entries()) {
    writeSync(2, `\n${markOf(i)}\n`);
    failures.push(await failureOf(device, kernel));
  }
  writeSync(2, `\n${markOf(work.kernels.length)}\n`);
  const { vendor, architecture, description } = info;
  return {
    adapter: [vendor, architecture, description].filter((part) => part !== '').join(' '),
    subgroup: [info.subgroupMinSize, info.subgroupMaxSize],
    work,
    failures,
  };
}

const FEATURES: readonly GPUFeatureName[] = ['subgroups', 'shader-f16'];

async function failureOf(device: GPUDevice, { code, entryPoint, constants }: Kernel): Promise<string | null> {
  try {
    const module = device.createShaderModule({ code });
    await device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module, constants, ...(entryPoint === null ? {} : { entryPoint }) },
    });
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
