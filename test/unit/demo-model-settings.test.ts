/** The demo's model card: what comes from the file, what is assumed, and what the user types. */
import { describe, expect, it } from 'vitest';
import { csv } from '../../demo/download.js';
import type { CheckpointReport } from '../../demo/import-worker.js';
import {
  formatThresholds,
  metadataOf,
  parseLabels,
  parseThresholds,
  presetNameOf,
  settingsOf,
} from '../../demo/model-settings.js';
import { familyConfig } from '../../src/model/family.js';
import { PRESETS } from '../../src/preprocess/presets.js';

const REPORT: CheckpointReport = {
  config: { ...familyConfig('densenet-bc-100-12'), classes: 3 },
  metadata: { name: 'net' },
  source: { format: 'pytorch', scheme: 'torchvision', fileName: 'net.pth' },
  notes: [],
  presets: { torchvision: PRESETS.torchvision, cifar10: PRESETS.cifar10 },
  defaultPreset: 'cifar10',
};
const WITH_METADATA: CheckpointReport = {
  ...REPORT,
  metadata: {
    labels: ['a', 'b', 'c'],
    activation: 'sigmoid',
    thresholds: [0.5, null, 0.2],
    preprocess: PRESETS.torchvision,
  },
};

describe('settingsOf', () => {
  it('assumes what the file does not say', () => {
    const { labels, activation, preprocess, thresholds } = settingsOf(REPORT, {});
    expect(labels).toEqual({ value: null, origin: 'assumed' });
    expect(activation).toEqual({ value: 'softmax', origin: 'assumed' });
    expect(preprocess).toEqual({ value: PRESETS.cifar10, origin: 'assumed' });
    expect(thresholds).toEqual({ value: null, origin: 'assumed' });
  });

  it('tells an activation that the importer assumes from one that the file has', () => {
    const assumed = { ...REPORT, metadata: { activation: 'softmax', activationOrigin: 'assumed' } } as const;
    expect(settingsOf(assumed, {}).activation).toEqual({ value: 'softmax', origin: 'assumed' });
    const chosen = settingsOf(assumed, { activation: 'sigmoid' });
    expect(chosen.activation).toEqual({ value: 'sigmoid', origin: 'yours' });
    expect(metadataOf(assumed, chosen)).toMatchObject({ activation: 'sigmoid', activationOrigin: 'option' });
  });

  it('takes what the file says, and the user’s changes before the file', () => {
    const { labels, activation, preprocess } = settingsOf(WITH_METADATA, { labels: ['x', 'y', 'z'] });
    expect(labels).toEqual({ value: ['x', 'y', 'z'], origin: 'yours' });
    expect(activation).toEqual({ value: 'sigmoid', origin: 'from the file' });
    expect(preprocess).toEqual({ value: PRESETS.torchvision, origin: 'from the file' });
  });
});

describe('metadataOf', () => {
  it('writes all settings, and keeps what else the file says', () => {
    expect(metadataOf(REPORT, settingsOf(REPORT, { labels: ['x', 'y', 'z'] }))).toEqual({
      name: 'net',
      activation: 'softmax',
      labels: ['x', 'y', 'z'],
      preprocess: PRESETS.cifar10,
    });
  });

  it('drops thresholds when the user chooses softmax', () => {
    const settings = settingsOf(WITH_METADATA, { activation: 'softmax' });
    expect(metadataOf({ ...WITH_METADATA, metadata: {} }, settings).thresholds).toBeUndefined();
  });
});

describe('parseLabels', () => {
  it.each([
    ['lines', 'a\r\n b \n\nc\n'],
    ['a JSON array', '["a", "b", "c"]'],
    ['ImageNet’s index', '{"0": ["n1", "a"], "1": ["n2", "b"], "2": ["n3", "c"]}'],
  ])('reads %s', (_, text) => expect(parseLabels(text, 3)).toEqual(['a', 'b', 'c']));

  it.each([
    ['a\nb', '2 labels for 3 classes: one is needed for each'],
    ['[1, 2, 3]', '1 is not a label: labels are texts'],
    ['["a"', 'the labels are not valid JSON: give one label per line, or a JSON array'],
  ])('rejects %j', (text, message) => expect(() => parseLabels(text, 3)).toThrow(message));
});

describe('parseThresholds', () => {
  it.each([
    ['0.5', [0.5, 0.5, 0.5]],
    ['0.5, -; 0.25', [0.5, null, 0.25]],
    ['', [null, null, null]],
  ])('reads %j', (text, values) => {
    expect(parseThresholds(text, 3)).toEqual(values);
    expect(parseThresholds(formatThresholds(values), 3)).toEqual(values);
  });

  it.each([
    ['1.5', '1.5 is no threshold: thresholds are from 0 to 1'],
    ['0.5 0.5', '2 thresholds for 3 classes: give one for all, or one for each'],
  ])('rejects %j', (text, message) => expect(() => parseThresholds(text, 3)).toThrow(message));
});

describe('presetNameOf', () => {
  it('finds a preset whatever the order of its keys, and none for another specification', () => {
    const { std, ...rest } = PRESETS.cifar10;
    expect(presetNameOf({ std, ...rest }, REPORT.presets)).toBe('cifar10');
    expect(presetNameOf({ ...PRESETS.cifar10, scale: 1 }, REPORT.presets)).toBeNull();
    expect(presetNameOf(null, REPORT.presets)).toBeNull();
  });
});

describe('csv', () => {
  it('quotes what must be quoted, and disarms formulas', () => {
    expect(
      csv([
        ['a', 'b,c', 'say "x"'],
        ['=1+1', '-0.5', '-cmd'],
      ]),
    ).toBe('a,"b,c","say ""x"""\r\n\'=1+1,-0.5,\'-cmd\r\n');
  });
});
