/** Runs the built command line: exit codes, JSON, messages, and images in a real browser. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors.js';
import { floatTensor, toFloat32 } from '../../src/tensor/tensor.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OUT = mkdtempSync(join(tmpdir(), 'densenet-webgpu-'));

function cli(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'dist/cli/main.js'), ...args], {
    encoding: 'utf8',
    timeout: 110_000,
  });
  return { status, stdout, stderr };
}

describe('wrong usage', () => {
  it.each([
    [['nonsense'], /there is no command "nonsense"; the commands are classify/],
    [['classify', '--backend', 'opera'], /--backend is opera; it must be one of auto, chrome, firefox, node/],
    [['classify', '--bad'], /bad/],
    [['inspect', '--arch', 'resnet'], /--arch is resnet; it must be one of densenet121/],
    [['inspect', '--arch', 'densenet121', '--input', '1,3'], /--input is 1,3; it must be N,C,H,W/],
    [['verify', 'x.safetensors'], /verify needs --reference/],
    [['import', 'x.pth'], /import needs -o/],
    [['serve', '--port', '70000'], /--port is 70000; it must be 0 to 65535/],
  ])('%j exits with code 2 and the reason', (args, message) => {
    const { status, stderr, stdout } = cli(...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });

  it('exits with code 1 and one line for a missing file', () => {
    const { status, stderr } = cli('inspect', 'none.safetensors');
    expect(status).toBe(1);
    expect(stderr).toBe('ModelFormatError: there is no file none.safetensors: check the path\n');
  });

  it.each([
    ['torchvision.pth', 'a PyTorch file'],
    ['onnx/converted.onnx', 'an ONNX file'],
    ['keras/keras-cifar.h5', 'a Keras file'],
    ['keras/keras3.keras', 'a Keras file'],
    ['keras/tfjs/model.json', 'a TensorFlow.js model'],
  ])('says how to convert %s, given for a model, before a GPU is asked for', (file, kind) => {
    const model = join(FIXTURES, file);
    const message = `ModelFormatError: ${model} is ${kind}: convert it with "densenet-webgpu import ${model} -o model.safetensors"\n`;
    expect(cli('inspect', model)).toEqual({ status: 1, stdout: '', stderr: message });
    expect(cli('classify', '--model', model)).toEqual({ status: 1, stdout: '', stderr: message });
  });

  it('prints help', () => {
    expect(cli('--help').status).toBe(0);
    expect(cli('classify', '--help').stdout).toMatch(/--model PATH\|URL/);
  });
});

/** Set by npm, whose banner must not reach stdout. */
const NPM = process.env.npm_execpath;

describe.skipIf(!NPM)('through npm', () => {
  it('prints only the command’s own output on stdout', () => {
    const args = [NPM ?? '', 'run', 'classify', '--', '--help'];
    const { stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', timeout: 110_000 });
    expect(stdout).toMatch(/^densenet-webgpu classify \[IMAGE/);
  });
});

describe('inspect', () => {
  it('describes DenseNet-121 without a file or a GPU', () => {
    const { status, stdout } = cli('inspect', '--arch', 'densenet121', '--input', '1,3,224,224', '--json');
    const { parameters, macs, arenaBytes, lowerBoundBytes, weightBytes, steps } = JSON.parse(stdout);
    expect(status).toBe(0);
    expect([parameters, macs]).toEqual([7978856, 2834161664]);
    expect(arenaBytes).toBeLessThanOrEqual(1.1 * lowerBoundBytes);
    expect(arenaBytes).toBeLessThanOrEqual(8e6);
    expect(weightBytes).toBeGreaterThan(4 * 7.8e6);
    expect(steps.length).toBeGreaterThan(100);
  });
});

describe('import and verify', () => {
  it('agree with torchvision at every tap, on Node’s GPU', () => {
    const model = join(OUT, 'torchvision.safetensors');
    expect(cli('import', join(FIXTURES, 'torchvision.pth'), '-o', model, '--json').status).toBe(0);
    const { status, stdout } = cli(
      'verify',
      model,
      '--reference',
      join(FIXTURES, 'torchvision.reference.safetensors'),
      '--backend',
      'node',
      '--json',
    );
    const { taps, top1Agrees, passed } = JSON.parse(stdout);
    expect([status, top1Agrees, passed]).toEqual([0, true, true]);
    expect(taps.length).toBeGreaterThanOrEqual(6);
    for (const { maxRelError } of taps) expect(maxRelError).toBeLessThan(1e-4);
    const wrong = cli(
      'verify',
      model,
      '--reference',
      join(FIXTURES, 'densenet3-bc.reference.safetensors'),
      '--backend',
      'node',
    );
    expect(wrong.status).toBe(1);
  });

  it('make the same model of a Keras .h5 file and of a TensorFlow.js folder', () => {
    const models = ['keras2.h5', 'tfjs'].map((name) => {
      const model = join(OUT, `${name}.safetensors`);
      expect(cli('import', join(FIXTURES, 'keras', name), '-o', model).status, name).toBe(0);
      return model;
    });
    const [first = '', second = ''] = models;
    expect(readBytes(first)).toEqual(readBytes(second));
    const reference = join(FIXTURES, 'keras/keras3.reference.safetensors');
    const { status, stdout } = cli('verify', first, '--reference', reference, '--backend', 'node', '--json');
    expect([status, JSON.parse(stdout).passed]).toEqual([0, true]);
    const cut = cli('import', join(FIXTURES, 'keras/hostile/external-link.h5'), '-o', first);
    expect([cut.status, cut.stderr]).toEqual([
      1,
      expect.stringMatching(/^ModelFormatError: bad HDF5 file: "kernel:0" is an/),
    ]);
  });

  it('fail on a NaN in the reference, whatever numbers follow it', () => {
    const model = join(OUT, 'densenet3-bc.safetensors');
    expect(cli('import', join(FIXTURES, 'densenet3-bc.pth'), '-o', model).status).toBe(0);
    const { tensors } = readSafetensors(readBytes(join(FIXTURES, 'densenet3-bc.reference.safetensors')));
    const broken = [...tensors.values()].map((tensor) => {
      const values = toFloat32(tensor).slice();
      if (tensor.name === 'block1') values[0] = Number.NaN;
      return floatTensor(tensor.name, tensor.shape, values);
    });
    const reference = join(OUT, 'nan.reference.safetensors');
    writeFileSync(reference, writeSafetensors(broken));
    const { status, stdout } = cli('verify', model, '--reference', reference, '--backend', 'node', '--json');
    const { taps, passed } = JSON.parse(stdout);
    expect([status, passed]).toEqual([1, false]);
    expect(taps.filter((tap: { maxRelError: number | null }) => tap.maxRelError === null)).toHaveLength(1);
  });
});

describe.skipIf(!findBrowser('chrome'))('classify in a browser', () => {
  it('expands a pattern that the shell did not', () => {
    const { status, stdout } = cli('classify', join(ROOT, 'demo/samples', '*ir*.png'), '--top', '1', '--json');
    const images = JSON.parse(stdout).results.map(({ image }: { image: string }) => basename(image));
    expect([status, images]).toEqual([0, ['airplane.png', 'bird.png']]);
    expect(cli('classify', 'none/*.png')).toMatchObject({ status: 1, stderr: 'none/*.png: no file matches it\n' });
  });

  it('classifies every sample with the default model, reports a broken image, and exits with code 1', () => {
    const bad = join(OUT, 'bad.png');
    writeFileSync(bad, 'no picture');
    const { status, stdout, stderr } = cli('classify', join(ROOT, 'demo/samples'), bad, '--json');
    const { results, adapter, model } = JSON.parse(stdout);
    expect(status).toBe(1);
    expect(stderr).toMatch(/bad\.png: this is not an image: it must be JPEG/);
    const named = results.filter(
      ({ image, top }: { image: string; top?: { label: string }[] }) => top && image.endsWith(`${top[0]?.label}.png`),
    );
    expect(named).toHaveLength(results.length - 1);
    expect([adapter.backend, model.endsWith('default.safetensors')]).toEqual(['chrome', true]);
  });
});
