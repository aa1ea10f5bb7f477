/** What to make of a failed comparison: the mistakes that people make with references and imports, by what they look like. */
import { type TensorMap, toFloat32 } from '../tensor/tensor.js';

export interface TapVerdict {
  readonly name: string;
  readonly agrees: boolean;
}

/**
 * @param taps in the network's order
 * @param concat what the model's metadata says of the order of concatenation
 * @returns sentences for the user; none when all agree
 */
export function adviceFor(taps: readonly TapVerdict[], reference: TensorMap, concat: string | undefined): string[] {
  const firstWrong = taps.find(({ agrees }) => !agrees)?.name;
  if (firstWrong === undefined) return [];
  const agreed = (name: string) => taps.some((tap) => tap.name === name && tap.agrees);
  const advice = [`${firstWrong} is the first tap that differs.`];
  if (firstWrong === 'final' && hasNegative(reference, 'final')) {
    advice.push('The reference\'s "final" has negative values: torchvision\'s features(x) ends before the last ReLU.');
  } else if (firstWrong === 'stem' && hasNegative(reference, 'stem') && !isLinearStem(reference)) {
    advice.push('The reference\'s "stem" has negative values: it must be taken behind the ReLU, and the pool.');
  } else if (firstWrong === 'block1' && agreed('stem')) {
    advice.push(
      concat === 'new-first'
        ? 'The stem agrees: perhaps the network puts old features first; import it without --concat new-first.'
        : 'The stem agrees: perhaps the network puts new features first; import it with --concat new-first.',
    );
  } else if (firstWrong === 'logits' && agreed('pooled')) {
    advice.push('The pooled features agree: "logits" must be taken before any softmax, sigmoid or calibration.');
  }
  return advice;
}

const hasNegative = (reference: TensorMap, name: string): boolean => {
  const tensor = reference.get(name);
  return tensor !== undefined && toFloat32(tensor).some((value) => value < 0);
};

/** A CIFAR stem keeps the picture's size and has no ReLU of its own. */
function isLinearStem(reference: TensorMap): boolean {
  return reference.get('stem')?.shape[2] === reference.get('input')?.shape[2];
}
