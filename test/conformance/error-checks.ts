/** Checks that failures are typed errors on this platform, too, and that a disposed network frees its resources. */
import type { DenseNet, DenseNetErrorName } from '../../src/index.js';
import { type Lab, must } from './lab.js';

/** Calls that must fail, each with the name of its error. */
const CULPRITS: readonly (readonly [name: DenseNetErrorName, call: (lab: Lab, net: DenseNet) => Promise<unknown>])[] = [
  ['ModelFormatError', (lab) => lab.densenet.DenseNet.load(new Uint8Array(64), { gpu: lab.gpu })],
  [
    'ModelFormatError',
    async (lab) => lab.densenet.DenseNet.load((await lab.file('model')).slice(0, 5000), { gpu: lab.gpu }),
  ],
  ['DownloadError', (lab) => lab.densenet.DenseNet.load('http://[', { gpu: lab.gpu })],
  [
    'AbortedError',
    (lab) => lab.densenet.DenseNet.load(lab.url('model'), { gpu: lab.gpu, signal: AbortSignal.abort() }),
  ],
  ['WebGPUUnavailableError', (lab) => lab.densenet.DenseNet.load(lab.url('model'), { gpu: withoutAdapter(lab.gpu) })],
  ['TensorShapeError', (_, net) => net.run({ data: new Float32Array(3 * 64), shape: [1, 3, 8, 9] })],
  ['TensorShapeError', (_, net) => net.run({ data: new Float32Array(64), shape: [1, 1, 8, 8] })],
  ['TensorShapeError', (_, net) => net.run({ data: new Float32Array(3 * 64).fill(Number.NaN), shape: [1, 3, 8, 8] })],
  ['ImageError', (_, net) => net.classify({ data: new Uint8Array(0), width: 0, height: 0 })],
  ['ImageError', (_, net) => net.classify({ data: new Uint8Array(3), width: 1, height: 1 })],
  ['ImageError', (_, net) => net.classify(new Blob(['no picture']))],
  ['OptionError', (_, net) => net.classify({ data: new Uint8Array(4), width: 1, height: 1 }, { topK: 0 })],
  ['OptionError', (_, net) => net.explain({ data: new Uint8Array(4), width: 1, height: 1 }, { classIndex: 10 })],
];

export const ERROR_CHECKS: Readonly<Record<string, (lab: Lab) => Promise<string>>> = {
  'typed errors': async (lab) => {
    const net = await lab.net();
    for (const [name, call] of CULPRITS) await fails(lab, name, call(lab, net));
    return `${CULPRITS.length} of ${CULPRITS.length}`;
  },
  dispose: async (lab) => {
    const device = await lab.open([]);
    const load = () => lab.densenet.DenseNet.load(lab.url('small'), { device, inputSize: [8, 8] });
    const [net, other] = [await load(), await load()];
    const input = await lab.input('small.reference');
    const pending = net.run(input);
    net.dispose();
    net.dispose();
    await fails(lab, 'DisposedError', pending);
    await fails(lab, 'DisposedError', net.run(input));
    // The device is the caller's: it and the other network still work.
    must((await other.run(input)).logits.length > 0, 'the other network has no logits');
    other.dispose();
    device.destroy();
    return 'the device lives on';
  },
};

/** The shortest message that counts as an explanation. */
const SHORTEST_MESSAGE = 15;

/** @throws Error when the call succeeds, or its error has another name or no explanation */
export async function fails(lab: Lab, name: DenseNetErrorName, call: Promise<unknown>): Promise<void> {
  const error: unknown = await call.then(
    () => new Error('the call went well'),
    (reason: unknown) => reason,
  );
  if (lab.densenet.isDenseNetError(error) && error.name === name && error.message.length > SHORTEST_MESSAGE) return;
  throw new Error(`expected ${name}, got ${error}`);
}

const withoutAdapter = (gpu: GPU): GPU =>
  new Proxy(gpu, {
    get: (target, key) => (key === 'requestAdapter' ? async () => null : Reflect.get(target, key, target)),
  });
