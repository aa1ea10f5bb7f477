/**
 * TensorFlow.js layers models: model.json, which describes a Keras network and lists its weights, and the binary files
 * (shards) beside it. Made by tensorflowjs_converter, or by `model.save()` in a page.
 */
import { floatTensor, type Tensor } from '../../tensor/tensor.js';
import type { Decoded, ReadSibling } from '../decoded.js';
import { assemble } from '../keras/assemble.js';
import { layerOf, variableOf } from '../keras/legacy-store.js';
import { readNetwork } from '../keras/network.js';
import { StoredLayers } from '../keras/stored.js';
import { byteLength, readManifest, tfjsError, type WeightEntry, type WeightGroup } from './manifest.js';

const MAX_SHARDS = 10_000;

/**
 * @param bytes model.json
 * @param readSibling reads the shards
 * @throws ModelFormatError naming what does not fit, or the file that is needed too
 */
export async function readTfjs(bytes: Uint8Array, readSibling: ReadSibling | undefined): Promise<Decoded> {
  const model = objectOf(parse(bytes), 'the file');
  const topology = objectOf(model.get('modelTopology'), 'modelTopology');
  if (model.get('format') === 'graph-model' || topology.has('node')) {
    throw tfjsError(
      'it is a graph model, without layers: convert with --output_format tfjs_layers_model, or import the Keras file',
    );
  }
  const network = readNetwork(topology.get('model_config') ?? Object.fromEntries(topology));
  const known = new Set(network.map(({ name }) => name));
  const stored = new StoredLayers();
  for (const group of readManifest(model.get('weightsManifest'))) {
    for (const tensor of await readGroup(group, readSibling)) {
      const at = tensor.name.lastIndexOf('/');
      stored.add(layerOf(tensor.name.slice(0, Math.max(0, at)), known), variableOf(tensor.name), tensor);
    }
  }
  return assemble(stored.all(), network, false);
}

async function readGroup({ paths, weights }: WeightGroup, readSibling: ReadSibling | undefined): Promise<Tensor[]> {
  if (!readSibling)
    throw tfjsError(`its weights are in ${paths.slice(0, 3).join(', ')}: hand these files over together with it`);
  if (paths.length > MAX_SHARDS) throw tfjsError(`it lists ${paths.length} files`);
  const needed = weights.reduce((total, entry) => total + byteLength(entry), 0);
  const shards: Uint8Array[] = [];
  let found = 0;
  for (const path of paths) {
    const shard = await readSibling(path);
    shards.push(shard);
    found += shard.length;
    if (found > needed) break;
  }
  if (found !== needed) {
    throw tfjsError(
      `${paths.slice(0, 3).join(', ')} have ${found} bytes, but the tensors listed take ${needed}: files are missing, cut or of another model`,
    );
  }
  const data = joined(shards, found);
  let offset = 0;
  return weights.map((entry) => {
    const end = offset + byteLength(entry);
    const tensor = readTensor(entry, data.subarray(offset, end));
    offset = end;
    return tensor;
  });
}

function joined(shards: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = shards;
  if (only && shards.length === 1) return only;
  const data = new Uint8Array(length);
  let offset = 0;
  for (const shard of shards) {
    data.set(shard, offset);
    offset += shard.length;
  }
  return data;
}

/** @throws ModelFormatError for tensors that are no floats */
function readTensor({ name, shape, dtype, quantization }: WeightEntry, bytes: Uint8Array): Tensor {
  if (dtype !== 'float32') throw tfjsError(`"${name}" is of type ${dtype}, but weights are float32`);
  if (quantization === null) return { name, shape, dtype: 'F32', bytes };
  if (quantization.dtype === 'float16') return { name, shape, dtype: 'F16', bytes };
  const { scale, min } = quantization;
  const steps = quantization.dtype === 'uint8' ? bytes : new Uint16Array(bytes.slice().buffer);
  return floatTensor(
    name,
    shape,
    Float32Array.from(steps, (step) => step * scale + min),
  );
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw tfjsError('model.json is not JSON, or cut', { cause });
  }
}

function objectOf(value: unknown, what: string): ReadonlyMap<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return new Map(Object.entries(value));
  throw tfjsError(`${what} is not an object`);
}
