/**
 * Files from strangers, by the thousand: a short, seeded run of what `npm run fuzz` does for longer.
 *
 * A failure names its index; `npm run fuzz -- --reader NAME --seed 1 --replay INDEX` shows the input again.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { judge, makeInput, openReader, readerNames } from './judge.js';

const SEED = 1;

/** Inputs of each reader: two or three seconds of them. */
const INPUTS: Readonly<Record<string, number>> = {
  safetensors: 4000,
  stream: 1200,
  metadata: 20_000,
  pytorch: 600,
  'pytorch-legacy': 4000,
  torchscript: 300,
  onnx: 800,
  'keras-h5': 500,
  keras: 400,
  tfjs: 500,
};

describe('a hostile file gives a valid model or a typed error, within a second, in twice its size of memory', () => {
  it.each(readerNames())('%s', async (name) => {
    const reader = openReader(name);
    const outcomes = new Map<string, number>();
    for (let index = 0; index < (INPUTS[name] ?? 0); index++) {
      const { outcome, violation } = await judge(reader, makeInput(reader, name, SEED, index));
      expect(violation, `input ${index} of ${name}, seed ${SEED}`).toBeNull();
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    // Both ends are reached: files still good, and files refused.
    expect(outcomes.get('model'), JSON.stringify([...outcomes])).toBeGreaterThan(10);
    expect(outcomes.size).toBeGreaterThan(1);
  });

  it('for inputs that three numbers make again', () => {
    const [name = ''] = readerNames();
    const reader = openReader(name);
    for (let index = 0; index < 50; index++) {
      const input = makeInput(reader, name, SEED, index);
      expect(makeInput(reader, name, SEED, index)).toEqual(input);
      expect(makeInput(reader, name, SEED + 1, index)).not.toEqual(input);
    }
  });
});

describe('the long run', () => {
  it('notices an untyped error, a slow and a greedy read, a hang and an exhausted heap, and saves what did it', () => {
    // The first five inputs of this seed are one of each.
    const run = fileURLToPath(new URL('run.mjs', import.meta.url));
    const args = [run, '--reader', 'broken', '--seed', '146', '--inputs', '6', '--patience', '8000'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 110_000 });
    expect(status).toBe(1);
    for (const complaint of ['no type of ours', 'took', 'for a file of', 'hung for', 'heap limit'])
      expect(stderr).toContain(complaint);
    for (const [, folder = ''] of stderr.matchAll(/^ {2}(\S+broken-146-\d+)$/gm)) expect(existsSync(folder)).toBe(true);
  });
});
