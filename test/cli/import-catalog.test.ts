/** `import CATALOGUE-ID` against a server that stands in for the publishers' sites: download, checks, conversion. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomModel } from '../../src/bench/random-model.js';
import { readCatalog } from '../../src/cli/catalog.js';
import { type RunningServer, startServer } from '../../src/cli/server.js';
import { familyConfig } from '../../src/model/family.js';
import { presetOf } from '../../src/preprocess/presets.js';
import { readModel } from '../../src/weights/model-file.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const OUT = mkdtempSync(join(tmpdir(), 'densenet-webgpu-'));

interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Not spawnSync: the server answers from this process. */
function cli(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { timeout: 110_000, cwd: OUT }, (error, stdout, stderr) =>
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

const pathOf = (id: string) => new URL(readCatalog().find((row) => row.id === id)?.url ?? '').pathname;

describe('import by an id of the catalogue', () => {
  let server: RunningServer;
  beforeAll(async () => {
    const whole = randomModel(familyConfig('densenet121'), 1);
    const files = new Map<string, Uint8Array | string>([
      [pathOf('timm-densenet121.ra_in1k'), whole],
      [pathOf('timm-densenet121.tv_in1k'), whole],
      [pathOf('torchvision-densenet121'), whole],
      [pathOf('torchxrayvision-densenet121-res224-all'), readBytes(join(FIXTURES, 'torchxrayvision.pth'))],
    ]);
    server = await startServer({ files, folders: {} });
  });
  afterAll(async () => {
    await server?.close();
    rmSync(OUT, { recursive: true, force: true });
  });

  it('downloads, converts, and writes the catalogue’s facts into the metadata', async () => {
    const id = 'timm-densenet121.ra_in1k';
    const { status, stdout, stderr } = await cli('import', id, '--mirror', server.origin, '--weights', 'f16', '--json');
    expect([status, JSON.parse(stdout).output]).toEqual([0, `${id}.safetensors`]);
    expect(stderr).toMatch(/^timm-densenet121\.ra_in1k {2}█+ 100 % {2}30\.\d of 30\.\d MiB$/m);
    const { folded, metadata } = readModel(readFileSync(join(OUT, `${id}.safetensors`)));
    expect(folded.config).toEqual(familyConfig('densenet121'));
    expect(metadata).toMatchObject({
      name: 'random weights, seed 1', // the file's own metadata overrides the catalogue's
      license: 'Apache-2.0',
      provenance: `https://huggingface.co/timm/densenet121.ra_in1k/resolve/main/model.safetensors`,
      preprocess: presetOf('timm-ra'),
      activation: 'softmax',
    });
    expect([metadata.labels?.length, metadata.labels?.[281]]).toEqual([1000, 'tabby']);
  });

  it.each([
    [
      'torchvision-densenet121',
      /^ModelFormatError: torchvision-densenet121: the file has a size of 30\.\d+ MiB, but 30\.845 MiB was published/,
    ],
    ['timm-densenet121.tv_in1k', /the file has the sha256 [0-9a-f]{64}, but c894c6d9[0-9a-f]{56} was published/],
    [
      'torchxrayvision-densenet121-res224-all',
      /^ModelShapeError: torchxrayvision-densenet121-res224-all: the file is not the network that was published: .*blocks is \[/,
    ],
    ['keras-densenet169', /^DownloadError: http\S+ answered 404 Not Found: check the address$/],
    [
      'keras-densnet169',
      /^OptionError: there is no file and no catalogue entry "keras-densnet169"; the nearest entries are keras-densenet169/,
    ],
  ])('rejects a download that is not what was published: %s', async (id, message) => {
    const { status, stdout, stderr } = await cli('import', id, '--mirror', server.origin, '-o', 'refused.safetensors');
    expect([status, stdout, existsSync(join(OUT, 'refused.safetensors'))]).toEqual([1, '', false]);
    expect(stderr.trim().split('\n').at(-1)).toMatch(message);
  });

  it('lists the catalogue', async () => {
    const { status, stdout } = await cli('import', '--list');
    expect([status, stdout.trimEnd().split('\n').length]).toEqual([0, 1 + readCatalog().length]);
    const rows = JSON.parse((await cli('import', '--list', '--json')).stdout);
    expect(rows[0]).toMatchObject({ id: 'torchvision-densenet121', parameters: 7978856, preset: 'torchvision' });
  });
});
