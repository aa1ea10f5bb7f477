/** Control characters in a file's names do not reach the terminal. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { writeSafetensors } from '../../src/tensor/safetensors.js';
import { floatTensor } from '../../src/tensor/tensor.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

it('a tensor whose name is a command to the terminal is printed without it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-webgpu-'));
  const model = join(folder, 'model.safetensors');
  // Sets the window's title, clears the screen, and answers with what is typed next.
  const name = 'layer\u001b]0;owned\u0007\u001b[2J\u009b6n';
  writeFileSync(model, writeSafetensors([floatTensor(name, [1], Float32Array.of(1))]));
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'inspect', model], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toContain('layer\ufffd]0;owned\ufffd\ufffd[2J\ufffd6n');
});
