/**
 * A peer's kernels as they were recorded, and which of its dispatches is which layer of the network.
 *
 * A recording says no layer and no turns of loops. The dispatches whose loops do multiply-adds are the network's
 * convolutions, in order; where there are as many as layers, each has that layer's multiply-adds to do.
 */
import { readFileSync } from 'node:fs';
import { UsageError } from '../../cli/command.js';
import { familyConfig } from '../../model/family.js';
import { layerTable } from '../../model/layers.js';
import { workOf } from '../roofline.js';
import type { Dispatch, Network, Work } from './planned.js';
import { allMultiplyAdds, type Program, type Region } from './program.js';

/** @throws UsageError when the file is no list of pipelines */
export function readDump(path: string): Work {
  let entries: unknown;
  try {
    entries = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UsageError(`--dump: ${path} cannot be read as JSON`, { cause });
  }
  if (!Array.isArray(entries) || entries.length === 0) throw new UsageError(`--dump: ${path} holds no pipelines`);
  const pipelines = entries.map((entry, i) => pipelineOf(entry, i));
  let count = 0;
  const dispatches = pipelines.flatMap(({ sizes, order, bytes, uniforms }, kernel) =>
    sizes.map((workgroups, i) => {
      const dispatch: Dispatch = {
        ...{ name: `${kernel}`, kernel, workgroups, macs: 0, params: null },
        bytes: bytes[i] ?? 0,
        uniforms: uniforms[i] ?? {},
      };
      return { place: order[i] ?? count++, dispatch };
    }),
  );
  return {
    kernels: pipelines.map(({ code, entryPoint, constants }, i) => ({
      label: `pipeline ${i}`,
      code,
      entryPoint,
      constants,
    })),
    dispatches: dispatches.sort((a, b) => a.place - b.place).map(({ dispatch }) => dispatch),
  };
}

function pipelineOf(entry: unknown, index: number) {
  const fail = (what: string) => new UsageError(`--dump: pipeline ${index} has ${what}`);
  if (typeof entry !== 'object' || entry === null) throw fail('no fields');
  const fields = new Map<string, unknown>(Object.entries(entry));
  const code = fields.get('code');
  const entryPoint = fields.get('entryPoint');
  const list = fields.get('dispatches');
  if (typeof code !== 'string') throw fail('no `code`');
  if (!Array.isArray(list)) throw fail('no list `dispatches`');
  const constants = Object.entries(fields.get('constants') ?? {}).map(
    ([name, value]) => [name, Number(value)] as const,
  );
  return {
    code,
    entryPoint: typeof entryPoint === 'string' ? entryPoint : null,
    constants: Object.fromEntries(constants),
    sizes: list.map((size): Dispatch['workgroups'] => {
      const [x, y = 1, z = 1] = Array.isArray(size) ? size.map(Number) : [Number.NaN];
      if (x === undefined || !(x * y * z >= 0)) throw fail(`a dispatch of ${JSON.stringify(size)}`);
      return [x, y, z];
    }),
    order: numbers(fields.get('order')),
    bytes: numbers(fields.get('bytes')),
    uniforms: listOf(fields.get('uniforms')).map((buffers) =>
      Object.fromEntries(Object.entries(buffers ?? {}).map(([binding, words]) => [binding, numbers(words)])),
    ),
  };
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const numbers = (value: unknown): readonly number[] => listOf(value).map(Number);

/** What a network's formulas need, in multiply-adds. */
export interface Need {
  /** Of each layer, in the order of the frameworks: transitions convolve before they pool. */
  readonly layers: readonly number[];
  /** Of all, where transitions pool first, which gives the same. */
  readonly least: number;
}

export function needOf({ arch, batch }: Network): Need {
  const config = familyConfig(arch);
  const side = config.stem === 'imagenet' ? 224 : 32;
  const layers = layerTable(config, [side, side]).rows.map(({ macs }) => macs * batch);
  return { layers, least: workOf(config, [side, side], batch).macsPoolFirst };
}

/**
 * Gives the convolutions their layers' multiply-adds. A kernel counts as one when a turn of its loops does at least so
 * many multiply-adds that there are as many dispatches of such kernels as layers.
 *
 * @returns `null` when no number fits: the dump is of another network, or no network's
 */
export function assignLayers(work: Work, programs: readonly Program[], layers: readonly number[]): Work | null {
  const strengths = programs.map(({ body, lanes }) => Math.max(0, ...body.loops.map(strongest)) / lanes);
  for (const least of [...new Set(strengths)].filter((value) => value > 0).sort((a, b) => a - b)) {
    const isConvolution = ({ kernel }: Dispatch) => (strengths[kernel] ?? 0) >= least;
    if (work.dispatches.filter(isConvolution).length !== layers.length) continue;
    let next = 0;
    const dispatches = work.dispatches.map((dispatch) =>
      isConvolution(dispatch) ? { ...dispatch, macs: layers[next++] ?? 0 } : dispatch,
    );
    return { ...work, dispatches };
  }
  return null;
}

const strongest = ({ mix, loops }: Region): number => Math.max(allMultiplyAdds(mix), ...loops.map(strongest));
