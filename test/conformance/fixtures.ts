/** The files that the suite fetches, by name: two models, their expected results, and an image. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { randomInput, randomModel } from '../../src/bench/random-model.js';
import { familyConfig } from '../../src/model/family.js';
import { writeSafetensors } from '../../src/tensor/safetensors.js';
import { floatTensor } from '../../src/tensor/tensor.js';
import { readModel } from '../../src/weights/model-file.js';
import { random, randoms } from '../kernels/harness.js';
import { forward } from '../reference/cpu-densenet.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';
import { type Input, modelOf, SMALL_MODEL, smallInput } from '../runtime/models.js';

const PICTURE = fileURLToPath(new URL('../../demo/samples/cat.png', import.meta.url));
const NET = 'densenet3-bc';

/** Files by URL, to be given to the server. @param isLong with a full-size network, whose reference takes a while */
export async function fixtureFiles(isLong: boolean): Promise<Map<string, Uint8Array>> {
  const model = await modelOf(NET, 'cifar10');
  const { data, info } = await sharp(PICTURE).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  const size = floatTensor('size', [2], Float32Array.of(info.width, info.height));
  const files = {
    model,
    // From the framework.
    reference: readBytes(`${FIXTURES}${NET}.reference.safetensors`),
    'other-size': answerOf(model, inputOf(1, [1, 3, 20, 12])),
    small: SMALL_MODEL,
    'small.reference': answerOf(SMALL_MODEL, smallInput(1, 2)),
    picture: writeSafetensors([size]),
    'picture.png': new Uint8Array(readFileSync(PICTURE)),
    'picture.rgba': new Uint8Array(data),
    ...(isLong ? fullSize() : {}),
  };
  return new Map(Object.entries(files).map(([name, bytes]) => [`/fixtures/${name}`, bytes]));
}

function fullSize(): Record<string, Uint8Array> {
  const densenet121 = randomModel(familyConfig('densenet121'), 1);
  const input: Input = { data: randomInput(3 * 224 * 224, 1), shape: [1, 3, 224, 224] };
  return { densenet121, 'densenet121.reference': answerOf(densenet121, input) };
}

function inputOf(seed: number, shape: Input['shape']): Input {
  const count = shape.reduce((product, side) => product * side, 1);
  return { data: Float32Array.from(randoms(count, random(seed))), shape };
}

/** An input and its logits in double precision. */
function answerOf(model: Uint8Array, { data, shape }: Input): Uint8Array {
  const logits = forward(readModel(model).folded, data, shape).get('logits');
  const values = Float32Array.from(logits?.values ?? []);
  return writeSafetensors([floatTensor('input', shape, data), floatTensor('logits', logits?.shape ?? [], values)]);
}
