/** `inspect`: shows an architecture, its cost and its memory plan. Needs no GPU, and with --arch no file. */

import { describeAssumed, describeHead } from '../import/facts.js';
import { variantKey } from '../kernels/variants.js';
import type { DenseNetConfig } from '../model/config.js';
import { FAMILY, familyConfig } from '../model/family.js';
import { layerTable, type Size } from '../model/layers.js';
import { scoringOf } from '../model/metadata.js';
import type { ModelMetadata } from '../model/model.js';
import { type NetworkPlan, planNetwork } from '../plan/network.js';
import { WRITTEN } from '../plan/step.js';
import { inputSizeOf } from '../preprocess/spec.js';
import { readWholeHeader } from '../tensor/safetensors.js';
import type { Dtype } from '../tensor/tensor.js';
import { readModel } from '../weights/model-file.js';
import { layoutWeights } from '../weights/pack.js';
import { type Command, oneOf, parse, UsageError } from './command.js';
import { DEFAULT_MODEL } from './files.js';
import { readModelFile } from './model-source.js';
import { kilobytes, note, print, printJson, table } from './terminal.js';

const USAGE = `[MODEL] [--arch NAME] [--input N,C,H,W] [--precision f32|f16] [--weights f32|f16] [--json]

--arch   a member of the family, without a file: ${Object.keys(FAMILY).join(', ')}
--input  batch, channels, height and width; by default one image of the model's own size`;

const TEXT = { type: 'string' } as const;
const OPTIONS = { arch: TEXT, input: TEXT, model: TEXT, precision: TEXT, weights: TEXT } as const;

export const inspect: Command = {
  usage: USAGE,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    if (positionals.length > 1) throw new UsageError(`inspect takes one model, but got ${positionals.join(', ')}`);
    const activations = oneOf('precision', values.precision, ['f32', 'f16']) ?? 'f32';
    const weights = oneOf('weights', values.weights, ['f32', 'f16']) ?? 'f32';
    const input = values.input === undefined ? null : parseInput(values.input);
    const { config, size, metadata, stored } = values.arch
      ? familyMember(values.arch, input)
      : await readConfig(positionals[0] ?? values.model ?? DEFAULT_MODEL);
    if (input && input[1] !== config.inChannels) {
      throw new UsageError(`--input has ${input[1]} channels, but the model takes ${config.inChannels}`);
    }
    const inputSize: Size = input ? [input[2], input[3]] : size;
    const caps = { subgroup: null };
    const plan = planNetwork(config, { batch: input?.[0] ?? 1, inputSize, activations, weights, caps });
    const weightBytes = layoutWeights(config, weights).bytes;
    if (values.json) printJson({ ...document(plan, weightBytes, metadata), storedBytes: stored });
    else show(plan, weightBytes, metadata, stored);
    return 0;
  },
};

type Input = readonly [batch: number, channels: number, height: number, width: number];

function parseInput(text: string): Input {
  const [n, c, h, w, ...rest] = text.split(',').map(Number);
  const list = [n, c, h, w];
  const isWhole = list.every((value) => value !== undefined && Number.isInteger(value) && value > 0);
  if (!isWhole || rest.length > 0) throw new UsageError(`--input is ${text}; it must be N,C,H,W, such as 1,3,224,224`);
  return [n ?? 1, c ?? 3, h ?? 1, w ?? 1];
}

/** The paper's training size (sections 4.1 and 4.2), for a model without preprocessing. */
const familySize = (config: DenseNetConfig): Size => (config.stem === 'imagenet' ? [224, 224] : [32, 32]);

interface Inspected {
  readonly config: DenseNetConfig;
  readonly size: Size;
  /** Empty for a member of the family without a file. */
  readonly metadata: ModelMetadata;
  /** Bytes of the file's tensors by how they are stored; null without a file. */
  readonly stored: Readonly<Partial<Record<Dtype, number>>> | null;
}

function familyMember(arch: string, input: Input | null): Inspected {
  if (!Object.hasOwn(FAMILY, arch))
    throw new UsageError(`--arch is ${arch}; it must be one of ${Object.keys(FAMILY).join(', ')}`);
  const config = familyConfig(arch, input ? { inChannels: input[1] } : {});
  return { config, size: familySize(config), metadata: {}, stored: null };
}

async function readConfig(path: string): Promise<Inspected> {
  const bytes = await readModelFile(path);
  const { folded, metadata } = readModel(bytes);
  const stored: Partial<Record<Dtype, number>> = {};
  for (const { dtype, begin, end } of readWholeHeader(bytes).entries.values())
    stored[dtype] = (stored[dtype] ?? 0) + end - begin;
  const own = metadata.preprocess ? inputSizeOf(metadata.preprocess) : null;
  return { config: folded.config, size: own ?? familySize(folded.config), metadata, stored };
}

function document(plan: NetworkPlan, weightBytes: number, metadata: ModelMetadata) {
  const { activation, origin } = scoringOf(metadata, plan.config.classes);
  const { parameters, macs } = layerTable(plan.config, plan.options.inputSize);
  return {
    config: plan.config,
    activation,
    activationOrigin: origin,
    assumed: metadata.assumed ?? [],
    input: [plan.options.batch, plan.config.inChannels, ...plan.options.inputSize],
    parameters,
    macs: macs * plan.options.batch,
    arenaBytes: plan.arena.bytes,
    lowerBoundBytes: plan.arena.lowerBoundBytes,
    weightBytes,
    pipelines: pipelinesOf(plan).size,
    regions: plan.arena.regions,
    steps: plan.steps.map(({ name, stage, kernel, variant, bindings, params, workgroups, macs: stepMacs }) => ({
      name,
      stage,
      kernel,
      tile: variant.tile,
      bindings,
      params,
      workgroups,
      macs: stepMacs,
    })),
  };
}

function show(plan: NetworkPlan, weightBytes: number, metadata: ModelMetadata, stored: Inspected['stored']): void {
  const { config, arena, options } = plan;
  const layers = layerTable(config, options.inputSize);
  print(
    `input ${options.batch}×${config.inChannels}×${options.inputSize.join('×')}, ${config.stem} stem, blocks ${config.blocks.join('-')}, growth rate ${config.growthRate}, ${config.bottleneck === null ? 'no bottleneck' : `bottleneck ${config.bottleneck}`}, BN epsilon ${config.bnEpsilon}, ${describeHead(config, metadata)}`,
  );
  const assumed = describeAssumed(metadata, config);
  if (assumed !== null) note(assumed);
  print(`${layers.parameters.toLocaleString('en')} parameters, ${layers.macs.toLocaleString('en')} MACs per image`);
  const kinds = Object.entries(stored ?? {}).map(([dtype, bytes]) => `${dtype} ${kilobytes(bytes)}`);
  if (kinds.length > 0) print(`stored in the file: ${kinds.join(', ')}`);
  print('');
  const heading = ['layer', 'kind', 'in', 'out', 'map', 'parameters', 'MACs'];
  const rows = layers.rows.map((r) => [r.name, r.kind, r.in, r.out, `${r.height}×${r.width}`, r.parameters, r.macs]);
  for (const line of table([heading, ...rows])) print(line);

  const ratio = (arena.bytes / arena.lowerBoundBytes).toFixed(3);
  print(
    `\narena ${kilobytes(arena.bytes)} in two banks (${arena.bankBytes.slice(0, 2).map(kilobytes).join(' + ')}), ${ratio} × the lower bound of ${kilobytes(arena.lowerBoundBytes)}; weights ${kilobytes(weightBytes)}\n`,
  );
  const regions = arena.regions.map((r) => [
    r.name,
    r.bank,
    r.offset,
    r.bytes,
    stepName(plan, r.first),
    stepName(plan, r.last),
  ]);
  for (const line of table([['region', 'bank', 'offset', 'bytes', 'from', 'to'], ...regions])) print(line);

  const pipelines = pipelinesOf(plan);
  print(
    `\n${pipelines.size} pipelines for ${plan.steps.length} steps, on an adapter ${options.caps.subgroup ? `with subgroups of ${options.caps.subgroup.min}` : 'without subgroups'}\n`,
  );
  const steps = plan.steps.map((s) => [
    s.name,
    s.kernel,
    reads(s.bindings),
    writes(s.bindings),
    s.workgroups.join('×'),
    s.macs,
  ]);
  for (const line of table([['step', 'kernel', 'reads', 'writes', 'workgroups', 'MACs'], ...steps])) print(line);
}

/** The pipelines that `load` compiles, besides two for preprocessing. */
const pipelinesOf = ({ steps }: NetworkPlan): ReadonlySet<string> =>
  new Set(steps.map(({ kernel, variant }) => variantKey(kernel, variant)));

const stepName = (plan: NetworkPlan, index: number): string => plan.steps[index]?.name ?? '';

type Bindings = NetworkPlan['steps'][number]['bindings'];
const named = (bindings: Bindings, written: boolean): string =>
  Object.entries(bindings)
    .flatMap(([name, source]) => (source.at === 'region' && WRITTEN.has(name) === written ? [source.name] : []))
    .join(' ');
const reads = (bindings: Bindings): string => named(bindings, false);
const writes = (bindings: Bindings): string => named(bindings, true);
