/** `import` and `verify` of networks whose files lack facts: the order of concatenation, thresholds. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors.js';
import { readModel } from '../../src/weights/model-file.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const OUT = mkdtempSync(join(tmpdir(), 'densenet-webgpu-'));
const model = join(OUT, 'model.safetensors');
afterAll(() => rmSync(OUT, { recursive: true, force: true }));

function cli(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
    timeout: 110_000,
  });
  return { status, stdout, stderr };
}

describe('--concat new-first', () => {
  it('is kept in the metadata, and verify agrees at every tap with what the source computed', () => {
    expect(cli('import', join(FIXTURES, 'densenet3-new-first.pth'), '-o', model, '--concat', 'new-first').status).toBe(
      0,
    );
    expect(readModel(readBytes(model)).metadata).toMatchObject({ concat: 'new-first' });
    const reference = join(FIXTURES, 'densenet3-new-first.reference.safetensors');
    const { status, stdout } = cli('verify', model, '--reference', reference, '--backend', 'node', '--json');
    const { taps, passed } = JSON.parse(stdout);
    expect([status, passed]).toEqual([0, true]);
    expect(taps.map(({ name }: { name: string }) => name).sort()).toEqual([
      'block1',
      'block2',
      'block3',
      'final',
      'logits',
      'pooled',
      'stem',
    ]);
    for (const { maxRelError } of taps) expect(maxRelError).toBeLessThan(1e-4);
  });

  it('left out: verify fails and advises it', () => {
    expect(cli('import', join(FIXTURES, 'densenet3-new-first.pth'), '-o', model).status).toBe(0);
    const reference = join(FIXTURES, 'densenet3-new-first.reference.safetensors');
    const { status, stdout } = cli('verify', model, '--reference', reference, '--backend', 'node');
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /FAILED .*\nblock1 is the first tap that differs\.\n.* import it with --concat new-first\.\nWith --concat new-first every tap agrees: /,
    );
  });
});

describe('--weights', () => {
  it.each(['--weights', '--dtype'])('int8 is written, spelled %s, and shown by inspect', (option) => {
    expect(cli('import', join(FIXTURES, 'densenet3-bc.pth'), '-o', model, option, 'int8').status).toBe(0);
    const { storedBytes } = JSON.parse(cli('inspect', model, '--json').stdout);
    expect(Object.keys(storedBytes).sort()).toEqual(['F16', 'F32', 'I8']);
    expect(storedBytes.I8).toBeGreaterThan(storedBytes.F16);
    expect(cli('inspect', model).stdout).toMatch(
      /\nstored in the file: F32 [\d.]+ KiB, F16 [\d.]+ KiB, I8 [\d.]+ KiB\n/,
    );
  });

  it('of another kind is wrong usage', () => {
    const { status, stderr } = cli('import', join(FIXTURES, 'densenet3-bc.pth'), '-o', model, '--weights', 'int4');
    expect([status, stderr]).toEqual([2, '--weights is int4; it must be one of f32, f16, int8\n']);
  });
});

describe('--license', () => {
  it.each(['--license', '--licence'])('is written to the metadata, spelled %s', (option) => {
    expect(cli('import', join(FIXTURES, 'densenet3-bc.pth'), '-o', model, option, 'MIT').status).toBe(0);
    expect(readModel(readBytes(model)).metadata).toMatchObject({ license: 'MIT' });
  });
});

describe('verify', () => {
  it('notes the reference’s tensors that are not taps, and fails when none is one', () => {
    expect(cli('import', join(FIXTURES, 'densenet3-bc.pth'), '-o', model).status).toBe(0);
    const { tensors } = readSafetensors(readBytes(join(FIXTURES, 'densenet3-bc.reference.safetensors')));
    const reference = join(OUT, 'reference.safetensors');
    const renamed = (...names: string[]) => {
      const list = names.flatMap((name) => tensors.get(name.split('=')[1] ?? name) ?? []);
      writeFileSync(reference, writeSafetensors(list.map((t, i) => ({ ...t, name: names[i]?.split('=')[0] ?? '' }))));
      return cli('verify', model, '--reference', reference, '--backend', 'node');
    };
    const some = renamed('input', 'logits', 'features=final');
    expect([some.status, some.stderr]).toEqual([
      0,
      expect.stringMatching(/Not compared: features of .*; the network has stem/),
    ]);
    const none = renamed('input', 'output=logits');
    expect([none.status, none.stderr]).toEqual([
      1,
      expect.stringMatching(/holds nothing to compare: .*; it has output/),
    ]);
  });
});

describe('--thresholds', () => {
  const scores = (...options: string[]) => {
    const result = cli('import', join(FIXTURES, 'torchxrayvision.pth'), '-o', model, ...options);
    if (result.status !== 0) return result.stderr;
    const { activation, thresholds } = readModel(readBytes(model)).metadata;
    return { activation, thresholds };
  };
  const all = (value: number) => Array<number>(18).fill(value);

  it('are read from the file, or from the option for all classes or for each, and removed for softmax', () => {
    expect(scores()).toEqual({ activation: 'sigmoid', thresholds: all(0.5) });
    expect(scores('--thresholds', '0.25')).toEqual({ activation: 'sigmoid', thresholds: all(0.25) });
    expect(scores('--thresholds', all(0.125).join())).toEqual({ activation: 'sigmoid', thresholds: all(0.125) });
    expect(scores('--activation', 'softmax')).toEqual({ activation: 'softmax', thresholds: undefined });
  });

  it('out of range or of another count are wrong usage', () => {
    expect(scores('--thresholds', '0.5,0.5')).toMatch(/it must be one number from 0 to 1, or 18 separated by commas/);
    expect(scores('--thresholds', '')).toMatch(/--thresholds is ; it must be/);
    expect(scores('--thresholds', '7')).toMatch(/--thresholds is 7; it must be/);
    expect(scores('--thresholds', '0.5', '--activation', 'softmax')).toMatch(/needs --activation sigmoid/);
  });
});

describe('--activation none', () => {
  it('is kept in the metadata and shown', () => {
    expect(cli('import', join(FIXTURES, 'import/one-class.pth'), '-o', model, '--activation', 'none').status).toBe(0);
    expect(readModel(readBytes(model)).metadata).toMatchObject({ activation: 'none', activationOrigin: 'option' });
    expect(cli('inspect', model).stdout).toMatch(/, 1 class, none \(as said\)\n/);
  });

  it('prints logits in place of shares', () => {
    const options = ['--activation', 'none', '--preprocess', 'cifar10-std-0.247'];
    expect(cli('import', join(FIXTURES, 'densenet3-bc.pth'), '-o', model, ...options).status).toBe(0);
    const sample = fileURLToPath(new URL('../../demo/samples/', import.meta.url));
    const { status, stdout } = cli('classify', sample, '--model', model, '--backend', 'node', '--top', '2');
    expect(status).toBe(0);
    expect(stdout).toMatch(/\n +-?\d+\.\d{4} {2}class \d+\n +-?\d+\.\d{4} {2}class \d+\n/);
    expect(stdout).not.toMatch(/%|█/);
  });
});

describe('a checkpoint without a classifier', () => {
  const source = join(FIXTURES, 'import/no-head-state.pth');

  it('is imported for its features, which verify compares', () => {
    const imported = cli('import', source, '-o', model, '--preprocess', 'rescale-32');
    expect([imported.status, imported.stdout]).toEqual([0, expect.stringContaining('growth rate 2, no classifier')]);
    expect(imported.stderr).toMatch(/^The file has no classifier: embed\(\) and taps\(\) give its features; /);
    expect(imported.stderr).not.toMatch(/class names/);
    const { tensors } = readSafetensors(readBytes(join(FIXTURES, 'import/references.safetensors')));
    const reference = join(OUT, 'features.safetensors');
    const taps = { input: 'no-head-state.input', pooled: 'no-head-state.logits' };
    const list = Object.entries(taps).flatMap(([name, from]) => {
      const tensor = tensors.get(from);
      return tensor ? [{ ...tensor, name }] : [];
    });
    writeFileSync(reference, writeSafetensors(list));
    const { status, stdout } = cli('verify', model, '--reference', reference, '--backend', 'node');
    expect([status, stdout]).toEqual([0, expect.stringMatching(/\npooled .*\npassed at 0\.0001/)]);
  });

  it('says what needs one', () => {
    const sample = fileURLToPath(new URL('../../demo/samples/', import.meta.url));
    const { status, stderr } = cli('classify', sample, '--model', model, '--backend', 'node');
    expect([status, stderr]).toEqual([2, expect.stringMatching(/the model has no classifier: pass --embed FILE\.npy/)]);
    expect(cli('evaluate', '--model', model).stderr).toMatch(/the model has no classifier, and so no classes to score/);
    const features = join(OUT, 'features.npy');
    const embedded = cli('classify', sample, '--model', model, '--backend', 'node', '--embed', features);
    expect([embedded.status, embedded.stderr]).toEqual([0, expect.stringContaining('features.npy: float32 [8, 5]')]);
    for (const [option, value] of [
      ['--labels', 'imagenet'],
      ['--thresholds', '0.5'],
      ['--activation', 'sigmoid'],
    ] as const) {
      const refused = cli('import', source, '-o', model, option, value);
      expect([refused.status === 0, refused.stderr]).toEqual([
        false,
        expect.stringMatching(/the file has no classifier: leave it out/),
      ]);
    }
  });
});

describe('what the file does not show', () => {
  const REFERENCES = readSafetensors(readBytes(join(FIXTURES, 'import/references.safetensors'))).tensors;
  const reference = join(OUT, 'case.safetensors');

  /** Writes the reference of a fixture with what it holds under these names. */
  function writeReference(name: string, ...taps: readonly string[]): void {
    const found = ['input', ...taps].flatMap((tap) => {
      const tensor = REFERENCES.get(`${name}.${tap}`);
      return tensor ? [{ ...tensor, name: tap }] : [];
    });
    expect(found.length).toBe(taps.length + 1);
    writeFileSync(reference, writeSafetensors(found));
  }

  it('is noted at import, and verify names the option that explains a difference', () => {
    const { stderr, status } = cli('import', join(FIXTURES, 'import/stem3-pool-state.pth'), '-o', model);
    expect([status, stderr]).toEqual([
      0,
      expect.stringMatching(/Assumed, .* a stem without a pool \(--stem-pool yes\)/),
    ]);
    writeReference('stem3-pool-state', 'logits');
    const wrong = cli('verify', model, '--reference', reference, '--backend', 'node');
    expect([wrong.status, wrong.stdout]).toEqual([
      1,
      expect.stringMatching(/With --stem-pool yes every tap agrees: import it again with that option\.\n$/),
    ]);
    cli('import', join(FIXTURES, 'import/stem3-pool-state.pth'), '-o', model, '--stem-pool', 'yes');
    expect(cli('verify', model, '--reference', reference, '--backend', 'node').status).toBe(0);
  });

  it('includes the activation: probabilities are compared, and the other activation is tried', () => {
    cli('import', join(FIXTURES, 'import/sigmoid-state.pth'), '-o', model);
    expect(cli('inspect', model).stdout).toMatch(/softmax \(assumed\)/);
    writeReference('sigmoid-state', 'logits', 'probabilities');
    const wrong = cli('verify', model, '--reference', reference, '--backend', 'node');
    expect([wrong.status, wrong.stdout]).toEqual([
      1,
      expect.stringMatching(/With --activation sigmoid the probabilities agree/),
    ]);
    cli('import', join(FIXTURES, 'import/sigmoid-state.pth'), '-o', model, '--activation', 'sigmoid');
    expect(cli('inspect', model).stdout).toMatch(/sigmoid \(as said\)/);
    expect(cli('verify', model, '--reference', reference, '--backend', 'node').status).toBe(0);
  });
});

describe('--rename and --map', () => {
  it('give the names that the file lacks', () => {
    const file = join(FIXTURES, 'torchvision-module.pth');
    const map = join(OUT, 'map.json');
    writeFileSync(map, JSON.stringify({ 'features.norm5': 'features.norm_last' }));
    const broken = cli('import', file, '-o', model, '--map', map);
    expect([broken.status, broken.stderr]).toEqual([0, expect.stringMatching(/matched by shape and order/)]);
    const options = ['--map', map, '--rename', 'norm_last=>norm5'];
    const mended = cli('import', file, '-o', model, ...options);
    expect([mended.status, mended.stdout]).toEqual([0, expect.stringMatching(/names: torchvision/)]);
    expect(cli('import', file, '-o', model, '--rename', 'nothing=>x').stderr).toMatch(
      /--rename nothing matches no name/,
    );
    expect(cli('import', file, '-o', model, '--rename', 'norm5').stderr).toMatch(/it must be REGEX=>NEW/);
  });
});

describe('--labels', () => {
  const labels = join(OUT, 'labels');
  const read = (text: string) => {
    writeFileSync(labels, text);
    const { stderr, status } = cli(
      'import',
      join(FIXTURES, 'import/stem3-pool-state.pth'),
      '-o',
      model,
      '--labels',
      labels,
    );
    return status === 0 ? readModel(readBytes(model)).metadata.labels : stderr;
  };

  it('may be lines with a byte order mark or empty names at the end, lists, or Keras’ and Hugging Face’s tables', () => {
    expect(read('\uFEFFa\r\nb\r\nc\r\n')).toEqual(['a', 'b', 'c']);
    expect(read('a\n\n\n')).toEqual(['a', '', '']);
    expect(read('["a", "b", "c"]')).toEqual(['a', 'b', 'c']);
    expect(read('{"b": 1, "a": 0, "c": 2}')).toEqual(['a', 'b', 'c']);
    expect(read('{"0": "a", "1": "b", "2": "c"}')).toEqual(['a', 'b', 'c']);
    expect(read('{"model_type": "x", "id2label": {"0": "a", "1": "b", "2": "c"}}')).toEqual(['a', 'b', 'c']);
  });

  it('that make no sense are errors', () => {
    expect(read('{"0": "a", "2": "c"}')).toMatch(/has 2 names, but none has index 1/);
    expect(read('{"0": 1.5, "a": "b"}')).toMatch(/must hold one name per line, a JSON list/);
    expect(read('a\nb')).toMatch(/2 labels for a network of 3 classes/);
  });
});

describe('--preprocess', () => {
  const say = (text: string) =>
    cli('import', join(FIXTURES, 'import/stem3-pool-state.pth'), '-o', model, '--preprocess', text).stderr;

  it('says all that is wrong at once, and refuses a preset for other channels', () => {
    expect(say('torchxrayvision')).toMatch(/--preprocess torchxrayvision makes 1 channel, but the network takes 3/);
    expect(say('{"resize": {"kind": "none"}, "crop": 7, "scale": "x"}')).toMatch(
      /crop must be .*; preprocess\.scale must be a number; preprocess\.mean must be .*; preprocess\.std must be .*; preprocess\.channelOrder must be/,
    );
  });
});
