/** Names as the user gives them (`--rename`, `--map`), and weights in two parts (torch's pruning). */
import { OptionError } from '../../core/errors.js';
import { elementCount, floatTensor, type Tensor, type TensorMap, toFloat32 } from '../../tensor/tensor.js';

/** A regular expression and what its first match in a name becomes, as `String.replace` takes them. */
export interface Rename {
  readonly pattern: RegExp;
  readonly replacement: string;
}

/**
 * @param renames applied to every name in turn
 * @param map name of a tensor or a module in the file → canonical name
 * @throws OptionError when a rename matches nothing, a name of the map is not there, or two tensors get one name
 */
export function renamed(tensors: TensorMap, renames: readonly Rename[], map: ReadonlyMap<string, string>): TensorMap {
  const counts = renames.map(() => 0);
  const unused = new Set(map.keys());
  const out = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    const mapped = mapName(name, map, unused);
    const next = renames.reduce((current, { pattern, replacement }, index) => {
      const changed = current.replace(pattern, replacement);
      if (changed !== current) counts[index] = (counts[index] ?? 0) + 1;
      return changed;
    }, mapped);
    if (out.has(next))
      throw new OptionError('rename', `two tensors would be called "${next}": "${out.get(next)?.name}" and "${name}"`);
    out.set(next, { ...tensor, name: next });
  }
  const idle = renames.find((_, index) => counts[index] === 0);
  if (idle)
    throw new OptionError(
      'rename',
      `--rename ${idle.pattern.source} matches no name; they begin ${[...tensors.keys()].slice(0, 3).join(', ')}`,
    );
  const [missing] = unused;
  if (missing !== undefined) throw new OptionError('map', `--map names "${missing}", which the file does not have`);
  return out;
}

/** The longest module that the map knows. */
function mapName(name: string, map: ReadonlyMap<string, string>, unused: Set<string>): string {
  for (let end = name.length; end > 0; end = name.lastIndexOf('.', end - 1)) {
    const mapped = map.get(name.slice(0, end));
    if (mapped === undefined) continue;
    unused.delete(name.slice(0, end));
    return `${mapped}${name.slice(end)}`;
  }
  return name;
}

/** `REGEX=>NEW` @throws OptionError when it is none */
export function parseRename(text: string): Rename {
  const at = text.indexOf('=>');
  try {
    if (at > 0) return { pattern: new RegExp(text.slice(0, at)), replacement: text.slice(at + 2) };
  } catch (cause) {
    throw new OptionError(
      'rename',
      `--rename ${text}: ${cause instanceof Error ? cause.message : 'no regular expression'}`,
    );
  }
  throw new OptionError('rename', `--rename is ${text}; it must be REGEX=>NEW, such as '^net\\.=>'`);
}

/** `torch.nn.utils.prune` keeps `weight_orig` and `weight_mask`: the weight is their product. */
export function withoutMasks(tensors: TensorMap): { readonly tensors: TensorMap; readonly pruned: number } {
  const out = new Map<string, Tensor>();
  let pruned = 0;
  for (const [name, tensor] of tensors) {
    const base = name.endsWith('_orig') ? name.slice(0, -'_orig'.length) : null;
    const mask = base === null ? undefined : tensors.get(`${base}_mask`);
    if (name.endsWith('_mask') && tensors.has(`${name.slice(0, -'_mask'.length)}_orig`)) continue;
    if (base === null || !mask || mask.shape.join() !== tensor.shape.join()) {
      out.set(name, tensor);
      continue;
    }
    pruned++;
    const [values, kept] = [toFloat32(tensor), toFloat32(mask)];
    const product = new Float32Array(elementCount(tensor.shape));
    for (let i = 0; i < product.length; i++) product[i] = (values[i] ?? 0) * (kept[i] ?? 0);
    out.set(base, floatTensor(base, tensor.shape, product));
  }
  return { tensors: out, pruned };
}
