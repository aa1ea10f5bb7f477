/** `load(…, { integrity })`: a model file other than the one that is meant is refused before anything of it is used. */
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { type RunningServer, startServer } from '../../src/cli/server.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { SIDE, SMALL_MODEL } from './models.js';

afterEach(expectNoComplaints);

const hashOf = (bytes: Uint8Array, algorithm = 'sha256') =>
  `${algorithm}-${createHash(algorithm).update(bytes).digest('base64')}`;

describe.skipIf(!hasDriver('swiftshader'))('weights with a hash', () => {
  let gpu: GPU;
  let server: RunningServer;
  const exchanged = SMALL_MODEL.slice();
  exchanged[exchanged.length - 1] = 1 ^ (exchanged.at(-1) ?? 0);

  beforeAll(async () => {
    gpu = await dawnGpu('swiftshader');
    const files = new Map([
      ['/model', SMALL_MODEL],
      ['/exchanged', exchanged],
    ]);
    server = await startServer({ folders: {}, files });
  });
  afterAll(() => server?.close());

  async function load(source: string | Uint8Array | Blob, integrity: string): Promise<string> {
    const counting = new CountingGpu(gpu, { features: [] });
    const outcome = await DenseNet.load(source, { gpu: counting.gpu, inputSize: [SIDE, SIDE], integrity }).then(
      (net) => {
        net.dispose();
        return 'loaded';
      },
      (error) => `${error.name}: ${error.message}`,
    );
    expect(counting.liveBytes).toBe(0);
    return outcome;
  }

  it.each(['sha256', 'sha384', 'sha512'])('are loaded when it is theirs: %s', async (algorithm) => {
    expect(await load(`${server.origin}/model`, hashOf(SMALL_MODEL, algorithm))).toBe('loaded');
  });

  it('are loaded when one of a list is theirs, of its strongest algorithm', async () => {
    const other = hashOf(exchanged, 'sha384');
    expect(await load(SMALL_MODEL, `${other} ${hashOf(SMALL_MODEL, 'sha384')}`)).toBe('loaded');
    expect(await load(SMALL_MODEL, `${other} ${hashOf(SMALL_MODEL, 'sha256')}`)).toMatch(/^IntegrityError/);
  });

  it('are refused when it is not, from a URL as from memory, though only one bit differs', async () => {
    const [expected, found] = [hashOf(SMALL_MODEL), hashOf(exchanged)];
    for (const source of [`${server.origin}/exchanged`, exchanged, new Blob([exchanged])])
      expect(await load(source, expected)).toBe(
        `IntegrityError: the model's hash is ${found}, not ${expected}: it is another file, or load() is asked for another`,
      );
  });

  it.each(['md5-AAAA', 'sha256', hashOf(SMALL_MODEL).toUpperCase()])(
    'are not looked at when it is no hash: %s',
    async (integrity) => {
      expect(await load(`${server.origin}/model`, integrity)).toMatch(
        /^OptionError: integrity is ".*": make it sha256-… \(or 384, 512\) in base64, as for scripts$/,
      );
    },
  );
});
