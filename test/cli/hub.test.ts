/** Commands take models of the Hugging Face Hub by id, from the endpoint that HF_ENDPOINT names. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomModel } from '../../src/bench/random-model.js';
import { presetOf } from '../../src/preprocess/presets.js';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors.js';
import { readModel } from '../../src/weights/model-file.js';
import { type HubServer, startHub } from '../reference/hub-server.js';
import { SMALL } from '../runtime/models.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OUT = mkdtempSync(join(tmpdir(), 'densenet-webgpu-'));

describe('a command with an hf: id', () => {
  let hub: HubServer;
  const cli = (...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const options = { timeout: 110_000, cwd: OUT, env: { ...process.env, HF_ENDPOINT: `${hub.origin}/` } };
      execFile(process.execPath, [join(ROOT, 'dist/cli/main.js'), ...args], options, (error, stdout, stderr) =>
        resolve({ status: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });

  beforeAll(async () => {
    const published = (classes: number) =>
      writeSafetensors([...readSafetensors(randomModel({ ...SMALL, classes }, 1)).tensors.values()]);
    const imagenet = { input_size: [3, 224, 224], num_classes: 1000, tag: 'ra_in1k' };
    const own = { input_size: [3, 16, 16], num_classes: 5, tag: 'mine' };
    const config = { architecture: 'densenet', pretrained_cfg: own, label_names: ['a', 'b', 'c', 'd', 'e'] };
    const files = (weights: Uint8Array, json: unknown) => ({
      revisions: { main: { 'model.safetensors': weights, 'config.json': JSON.stringify(json) } },
    });
    hub = await startHub({
      'some/small.in1k': files(published(1000), { pretrained_cfg: imagenet }),
      'some/own': files(published(5), config),
    });
  });
  afterAll(async () => {
    await hub?.close();
    rmSync(OUT, { recursive: true, force: true });
  });

  it('imports it with labels and preprocessing; timm’s ImageNet models get ImageNet’s labels', async () => {
    const { status, stderr } = await cli('import', 'hf:some/small.in1k');
    expect([status, stderr]).toEqual([0, expect.stringMatching(/^hf:some\/small\.in1k {2}█+ 100 %/m)]);
    const { metadata } = readModel(readFileSync(join(OUT, 'small.in1k.safetensors')));
    expect(metadata).toMatchObject({
      name: 'some/small.in1k',
      provenance: `${hub.origin}/some/small.in1k/resolve/main/model.safetensors`,
      preprocess: presetOf('timm-tv'),
    });
    expect(metadata.labels?.[281]).toBe('tabby');
  });

  it('inspects it, and classifies with it', async () => {
    const inspected = await cli('inspect', 'hf:some/own', '--json');
    expect(JSON.parse(inspected.stdout).input).toEqual([1, 3, 16, 16]);
    const frog = join(ROOT, 'demo/samples/frog.png');
    const { status, stdout } = await cli('classify', frog, '--model', 'hf:some/own', '--backend', 'node', '--json');
    const labels = JSON.parse(stdout).results[0].top.map(({ label }: { label: string }) => label);
    expect([status, labels.sort()]).toEqual([0, ['a', 'b', 'c', 'd', 'e']]);
  });

  it('fails with one line when there is no such repository', async () => {
    const { status, stderr } = await cli('inspect', 'hf:some/none');
    expect(status).toBe(1);
    expect(stderr).toBe('DownloadError: hf:some/none: there is no such repository, or it is private: check the name\n');
  });
});
