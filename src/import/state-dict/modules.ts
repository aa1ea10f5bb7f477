/** The modules that hold a state dict's tensors, told by the shapes of these: convolutions, batch norms, dense layers. */
import type { Tensor, TensorMap } from '../../tensor/tensor.js';

export interface WeightModule {
  readonly path: string;
  readonly kind: 'conv' | 'norm' | 'dense';
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  /** Running mean and variance of a norm. */
  readonly statistics: readonly [mean: Tensor, variance: Tensor] | null;
}

/** The name without its last part. */
export const modulePath = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('.')));

/** In the order in which the file names them. Modules of other kinds are left out. */
export function modulesOf(tensors: TensorMap): WeightModule[] {
  const modules: WeightModule[] = [];
  for (const [name, weight] of tensors) {
    if (!name.endsWith('.weight')) continue;
    const path = modulePath(name);
    const bias = tensors.get(`${path}.bias`) ?? null;
    const [mean, variance] = [tensors.get(`${path}.running_mean`), tensors.get(`${path}.running_var`)];
    const rank = weight.shape.length;
    if (rank === 4) modules.push({ path, kind: 'conv', weight, bias, statistics: null });
    if (rank === 2) modules.push({ path, kind: 'dense', weight, bias, statistics: null });
    if (rank === 1 && mean && variance && bias)
      modules.push({ path, kind: 'norm', weight, bias, statistics: [mean, variance] });
  }
  return modules;
}

/** File order, or that of the names with their numbers read as numbers where the file is sorted by letters. */
export function naturalOrder(modules: readonly WeightModule[]): WeightModule[] {
  const collator = new Intl.Collator('en', { numeric: true });
  return [...modules].sort((a, b) => collator.compare(a.path, b.path));
}
