/** `load(…, { integrity })` rejects a model file with another hash before it uses any of it. */
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

describe.skipIf(!hasDriver('swiftshader'))('a model file with a hash', () => {
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

  it.each(['sha256', 'sha384', 'sha512'])('loads when the hash matches: %s', async (algorithm) => {
    expect(await load(`${server.origin}/model`, hashOf(SMALL_MODEL, algorithm))).toBe('loaded');
  });

  it('loads when one of several hashes matches, of the strongest algorithm', async () => {
    const other = hashOf(exchanged, 'sha384');
    expect(await load(SMALL_MODEL, `${other} ${hashOf(SMALL_MODEL, 'sha384')}`)).toBe('loaded');
    expect(await load(SMALL_MODEL, `${other} ${hashOf(SMALL_MODEL, 'sha256')}`)).toMatch(/^IntegrityError/);
  });

  it('is rejected when one bit differs, from a URL and from memory', async () => {
    const [expected, found] = [hashOf(SMALL_MODEL), hashOf(exchanged)];
    for (const source of [`${server.origin}/exchanged`, exchanged, new Blob([exchanged])])
      expect(await load(source, expected)).toBe(
        `IntegrityError: the model's hash is ${found}, not ${expected}: it is another file, or load() is asked for another`,
      );
  });

  it.each(['md5-AAAA', 'sha256', hashOf(SMALL_MODEL).toUpperCase()])(
    'is not read when `integrity` is no hash: %s',
    async (integrity) => {
      expect(await load(`${server.origin}/model`, integrity)).toMatch(
        /^OptionError: integrity is ".*": make it sha256-… \(or 384, 512\) in base64, as for scripts$/,
      );
    },
  );
});
