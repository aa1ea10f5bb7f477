/**
 * Names for layers that Keras numbered itself (`conv2d_7`): their order alone says what they are, since a DenseNet is a
 * chain. They get the names that keras.applications gives.
 */
import { ModelFormatError } from '../../core/errors.js';
import type { StoredLayer } from './stored.js';

/** True when the dense layers are named as in keras.applications; the rest is then for the naming scheme. */
export const isNamed = (layers: readonly StoredLayer[]): boolean =>
  layers.some(({ name }) => /^conv\d+_block\d+_\d_(conv|bn)$/.test(name));

/**
 * @param layers in the order of the computation; convolutions and norms each among themselves
 * @returns name in the file → name of keras.applications; heads are not in it
 * @throws ModelFormatError when there are not as many norms as these convolutions need
 */
export function namesByOrder(layers: readonly StoredLayer[]): ReadonlyMap<string, string> {
  const convolutions = layers.filter(({ variables }) => variables.get('kernel')?.shape.length === 4);
  const norms = layers.filter(({ variables }) => variables.has('moving_mean'));
  const convNames = nameConvolutions(convolutions);
  const normNames = convNames.slice(1).flatMap(normBefore);
  const [all, withoutStem] = [
    ['conv1_bn', ...normNames, 'bn'],
    [...normNames, 'bn'],
  ];
  const fitting = norms.length === all.length ? all : withoutStem;
  if (norms.length !== fitting.length) {
    throw new ModelFormatError(
      `not a DenseNet that we know: ${convolutions.length} convolutions of these sizes go with ${withoutStem.length} batch ` +
        `norms (one more with a norm behind the stem), but the file has ${norms.length}`,
      { format: 'keras' },
    );
  }
  return new Map([...pair(convolutions, convNames), ...pair(norms, fitting)]);
}

const pair = (layers: readonly StoredLayer[], names: readonly string[]) =>
  layers.map(({ name }, i): [string, string] => [name, names[i] ?? name]);

/** The stem; then 1×1 and 3×3 make a layer, 1×1 alone a transition; without bottlenecks each 3×3 is a layer. */
function nameConvolutions(layers: readonly StoredLayer[]): string[] {
  const sizes = layers.map(({ variables }) => variables.get('kernel')?.shape[0] ?? 0);
  const isPlain = sizes[1] === 3;
  const names = ['conv1_conv'];
  let [block, layer] = [2, 1];
  for (let at = 1; at < sizes.length; at++) {
    if (isPlain ? sizes[at] !== 1 : sizes[at + 1] === 3) {
      names.push(`conv${block}_block${layer}_1_conv`);
      if (!isPlain) names.push(`conv${block}_block${layer}_2_conv`);
      if (!isPlain) at++;
      layer++;
    } else {
      names.push(`pool${block}_conv`);
      [block, layer] = [block + 1, 1];
    }
  }
  return names;
}

/** `conv2_block1_1_conv` comes after `conv2_block1_0_bn`, `pool2_conv` after `pool2_bn`. */
function normBefore(convolution: string): string {
  const match = /^(.*)_(\d)_conv$/.exec(convolution);
  return match ? `${match[1]}_${Number(match[2]) - 1}_bn` : convolution.replace('_conv', '_bn');
}
