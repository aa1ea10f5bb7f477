/** What every refusal of an ONNX graph must be: a typed error, within a second, that names the node at fault and why. */
import { expect, it } from 'vitest';
import { ModelShapeError } from '../../src/core/errors.js';
import { type ImportOptions, importCheckpoint } from '../../src/import/checkpoint.js';
import { edited, encode, type GraphSpec, type NodeSpec, type TensorSpec } from './onnx-writer.js';

/** The name and operator of the node at fault, and what the message says of it. */
export type Refusal = readonly [what: string, graph: GraphSpec, culprit: string, why: string];

export function refuses(cases: readonly Refusal[]): void {
  it.each(cases)('%s', async (_, graph, culprit, why) => {
    const error = await failure(encode(graph));
    if (!(error instanceof ModelShapeError)) throw new Error(`it gave ${error}`);
    expect(error.message).toContain(`not a DenseNet that can be run here: node ${culprit} does not fit: `);
    expect(error.message).toContain(why);
    expect(error.problems.extra).toEqual([`node ${culprit}`]);
  });
}

/** What the import throws, after at most a second of this process's time: the clock's depends on what else runs. */
export async function failure(bytes: Uint8Array, name = 'graph.onnx', options: ImportOptions = {}): Promise<unknown> {
  const began = process.cpuUsage();
  const outcome: unknown = await importCheckpoint(bytes, name, options).then(
    () => 'it was accepted',
    (error: unknown) => error,
  );
  const { user, system } = process.cpuUsage(began);
  expect(user + system, 'microseconds').toBeLessThan(1e6);
  return outcome;
}

export const zeros = (name: string, dims: readonly number[]): TensorSpec => ({
  name,
  dims,
  values: Array(dims.reduce((product, dimension) => product * dimension, 1)).fill(0),
});

/** A convolution with other weights and attributes. */
export function conv(
  graph: GraphSpec,
  name: string,
  dims: readonly number[],
  attributes: NonNullable<NodeSpec['attributes']>,
): GraphSpec {
  return edited(graph, { [name]: { attributes } }, [zeros(`${name}.weight`, dims)]);
}

/** Nodes in front of a node, which takes what the last of them makes. */
export function inFront(
  graph: GraphSpec,
  name: string,
  nodes: readonly NodeSpec[],
  tensors: readonly TensorSpec[] = [],
): GraphSpec {
  const old = graph.nodes.find((candidate) => candidate.name === name);
  const last = nodes.at(-1);
  if (!old || !last) throw new Error(`there is no node ${name}`);
  return edited(graph, { [name]: [...nodes, { ...old, inputs: [last.name, ...old.inputs.slice(1)] }] }, tensors);
}
