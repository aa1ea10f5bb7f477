/** The advice that `verify` gives for a difference. */
import { describe, expect, it } from 'vitest';
import { adviceFor } from '../../src/cli/compare.js';
import { floatTensor, type TensorMap } from '../../src/tensor/tensor.js';

const TAPS = ['stem', 'block1', 'block2', 'final', 'pooled', 'logits'];

/** The taps of a run in which `first` and all behind it differ. */
const differingFrom = (first: string | null) =>
  TAPS.map((name) => ({ name, agrees: first === null || TAPS.indexOf(name) < TAPS.indexOf(first) }));

function reference(negative: readonly string[], stemSide = 8): TensorMap {
  const map = (name: string, side: number) => {
    const values = new Float32Array(side * side).fill(negative.includes(name) ? -1 : 1);
    return [name, floatTensor(name, [1, 1, side, side], values)] as const;
  };
  return new Map([map('input', 32), map('stem', stemSide), map('block1', 8), map('final', 4)]);
}

describe('advice', () => {
  const cases: [what: string, first: string | null, negative: string[], concat: string | undefined, says: RegExp][] = [
    ['new features first', 'block1', ['block1'], undefined, /^block1 is the first .*import it with --concat new-first/],
    ['old features first', 'block1', ['block1'], 'new-first', /import it without --concat new-first/],
    ['a last ReLU left out', 'final', ['block1', 'final'], undefined, /torchvision's features\(x\) ends before/],
    ['a stem taken before its ReLU', 'stem', ['stem', 'block1'], undefined, /after the ReLU and the pool/],
    ['probabilities for logits', 'logits', ['block1'], undefined, /before any softmax/],
    ['something else', 'block2', ['block1'], undefined, /^block2 is the first tap that differs\.$/],
    ['nothing', null, ['block1'], undefined, /^$/],
  ];
  for (const [what, first, negative, concat, says] of cases) {
    it(what, () => expect(adviceFor(differingFrom(first), reference(negative), concat).join(' ')).toMatch(says));
  }

  it('accepts negative values of a CIFAR stem', () => {
    expect(adviceFor(differingFrom('stem'), reference(['stem'], 32), undefined)).toEqual([
      'stem is the first tap that differs.',
    ]);
  });
});
