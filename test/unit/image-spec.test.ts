/** Preprocessing specifications from outside: a model file's JSON, timm's and transformers' configurations. */
import { describe, expect, it } from 'vitest';
import { isDenseNetError } from '../../src/core/errors.js';
import { decodeMetadata } from '../../src/model/metadata.js';
import { fromPreprocessorConfig, fromTimmConfig } from '../../src/preprocess/hub-config.js';
import { parsePreprocess } from '../../src/preprocess/parse.js';
import { PRESETS, presetOf } from '../../src/preprocess/presets.js';

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isDenseNetError(error) && error.name === 'OptionError') return error.message;
    throw error;
  }
  return 'nothing was thrown';
}

describe('the spelling of older files', () => {
  it('is read: grey and grey-mean', () => {
    const spec = presetOf('torchxrayvision');
    expect(parsePreprocess({ ...spec, channelOrder: 'grey-mean' })).toEqual(spec);
  });

  it('is read: licence', () => {
    const document = JSON.stringify({ licence: 'MIT' });
    expect(decodeMetadata(new Map([['densenet-webgpu', document]]))).toEqual({ license: 'MIT' });
  });
});

describe('a specification in JSON', () => {
  it.each(Object.keys(PRESETS))('reads back what was written: %s', (name) => {
    expect(parsePreprocess(JSON.parse(JSON.stringify(presetOf(name))))).toEqual(presetOf(name));
  });

  it('keeps the crop rounding and drops unknown fields', () => {
    const spec = { ...presetOf('caffe'), cropRounding: 'down' as const };
    expect(parsePreprocess({ ...spec, colour: 'blue' })).toEqual(spec);
  });

  const torchvision = presetOf('torchvision');
  const resize = { kind: 'exact', size: [4, 4], filter: 'bilinear', antialias: true };
  it.each([
    [null, 'preprocess must be an object'],
    [[], 'preprocess must be an object'],
    [{ ...torchvision, crop: undefined }, 'preprocess.crop must be a list'],
    [{ ...torchvision, crop: [224] }, 'preprocess.crop must be [height, width]'],
    [{ ...torchvision, crop: [224, 0] }, 'preprocess.crop[1] must be a whole number of pixels, 1…16384'],
    [{ ...torchvision, crop: [1e9, 224] }, 'preprocess.crop[0] must be a whole number of pixels, 1…16384'],
    [{ ...torchvision, cropRounding: 'up' }, 'preprocess.cropRounding must be one of even, down, middle'],
    [{ ...torchvision, scale: '1' }, 'preprocess.scale must be a number'],
    [{ ...torchvision, mean: [0, 0] }, 'preprocess.mean must be a list of 3, one per channel of rgb'],
    [{ ...torchvision, std: [1, 1, 0] }, 'preprocess.std[2] must be above zero'],
    [{ ...torchvision, channelOrder: 'gray' }, 'preprocess.mean must be a list of 1, one per channel of gray'],
    [{ ...torchvision, channelOrder: 'rbg' }, 'preprocess.channelOrder must be one of rgb, bgr, gray, gray-mean'],
    [{ ...torchvision, resize: 256 }, 'preprocess.resize must be an object'],
    [
      { ...torchvision, resize: { ...resize, kind: 'fit' } },
      'preprocess.resize.kind must be one of shorterSide, exact, cover, none',
    ],
    [
      { ...torchvision, resize: { ...resize, filter: 'lanczos' } },
      'preprocess.resize.filter must be one of nearest, bilinear, bicubic, gaussian',
    ],
    [{ ...torchvision, resize: { ...resize, antialias: 1 } }, 'preprocess.resize.antialias must be true or false'],
  ])('names the field that is wrong: %#', (value, message) => {
    expect(messageOf(() => parsePreprocess(value))).toBe(message);
  });

  it('lists the presets when the name is unknown', () => {
    expect(messageOf(() => presetOf('toString'))).toBe(
      'unknown preprocessing "toString"; known: torchvision, timm-tv, timm-ra, keras, keras-nearest, caffe, ' +
        'torchxrayvision, rescale, rescale-32, cifar10-std-0.247, cifar10-std-0.2023, cifar10, cifar10-per-image, cifar100',
    );
  });
});

describe("timm's config.json", () => {
  const cfg = {
    input_size: [3, 224, 224],
    test_input_size: [3, 288, 288],
    crop_pct: 0.875,
    test_crop_pct: 0.95,
    interpolation: 'bicubic',
    crop_mode: 'center',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  };

  it('of densenet121 is the preset, at either size, with or without its wrapper', () => {
    expect(fromTimmConfig({ architecture: 'densenet121', pretrained_cfg: cfg })).toEqual(presetOf('timm-tv'));
    expect(fromTimmConfig(cfg, { testSize: true })).toEqual(presetOf('timm-ra'));
  });

  it('falls back on the same defaults as timm', () => {
    expect(fromTimmConfig({ input_size: [3, 224, 224] })).toEqual(presetOf('timm-tv'));
  });

  it('squashes both sides where crop_mode says so', () => {
    const { resize } = fromTimmConfig({ ...cfg, crop_mode: 'squash', crop_pct: 1 });
    expect(resize).toEqual({ kind: 'exact', size: [224, 224], filter: 'bicubic', antialias: true });
  });

  it.each([
    [{ ...cfg, crop_mode: 'border' }, 'config.crop_mode must be one of center, squash'],
    [{ ...cfg, interpolation: 'random' }, 'config.interpolation must be one of nearest, bilinear, bicubic'],
    [{ ...cfg, input_size: [4, 224, 224] }, 'config.input_size must be [1 or 3 channels, height, width]'],
    [{ ...cfg, input_size: [3, 224, 256] }, 'config.input_size must be square, unless crop_mode is "squash"'],
    [{ ...cfg, input_size: [1, 224, 224] }, 'config.mean must be a list of 1, one per channel of gray'],
  ])('is refused where it asks for what cannot be done: %#', (config, message) => {
    expect(messageOf(() => fromTimmConfig(config))).toBe(message);
  });
});

describe("transformers' preprocessor_config.json", () => {
  const normalise = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] };

  it('resizes the shorter side and crops, remainders rounded down', () => {
    const config = {
      ...normalise,
      size: { shortest_edge: 256 },
      do_center_crop: true,
      crop_size: { height: 224, width: 224 },
      resample: 3,
      rescale_factor: 1 / 255,
    };
    expect(fromPreprocessorConfig(config)).toEqual({
      resize: { kind: 'shorterSide', size: 256, filter: 'bicubic', antialias: true },
      crop: [224, 224],
      cropRounding: 'down',
      scale: 1 / 255,
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      channelOrder: 'rgb',
    });
  });

  it('reads a bare size as the shorter side with a crop, as both sides without', () => {
    const cropped = fromPreprocessorConfig({ ...normalise, size: 256, do_center_crop: true, crop_size: 224 });
    expect(cropped.resize).toMatchObject({ kind: 'shorterSide', size: 256, filter: 'bilinear' });
    expect(fromPreprocessorConfig({ ...normalise, size: 224 }).resize).toMatchObject({
      kind: 'exact',
      size: [224, 224],
    });
  });

  it('prefers default_to_square to that rule', () => {
    const bare = (default_to_square: boolean, do_center_crop: boolean) =>
      fromPreprocessorConfig({ ...normalise, size: 24, crop_size: 24, do_center_crop, default_to_square }).resize.kind;
    expect([bare(true, true), bare(false, false)]).toEqual(['exact', 'shorterSide']);
  });

  it('ignores disabled steps and fields that change no pixel', () => {
    const quiet = {
      do_pad: false,
      size_divisor: null,
      image_processor_type: 'ViTImageProcessor',
      do_convert_rgb: true,
    };
    expect(fromPreprocessorConfig({ ...normalise, size: 224, ...quiet }).crop).toBeNull();
  });

  it("reads timm's configuration in a file of transformers' timm wrapper", () => {
    const wrapped = {
      image_processor_type: 'TimmWrapperImageProcessor',
      pretrained_cfg: { input_size: [3, 224, 224] },
    };
    expect(fromPreprocessorConfig(wrapped)).toEqual(presetOf('timm-tv'));
  });

  it('omits steps that are switched off', () => {
    const config = { do_resize: false, do_rescale: false, do_normalize: false };
    expect(fromPreprocessorConfig(config)).toMatchObject({
      resize: { kind: 'none' },
      crop: null,
      scale: 1,
      std: [1, 1, 1],
    });
  });

  it.each([
    [{ ...normalise, size: 224, resample: 1 }, 'config.resample must be one of 0, 2, 3'],
    [{ size: 224 }, 'config.image_mean must be a list'],
    [{ ...normalise }, 'config.size must be an object'],
    [{ ...normalise, size: 224, crop_pct: 0.9 }, 'config.crop_pct must be absent, null or false: it is not known here'],
    [{ ...normalise, size: 224, do_pad: true }, 'config.do_pad must be absent, null or false: it is not known here'],
    [{ ...normalise, size: 224, size_divisor: 32 }, /^config.size_divisor must be absent/],
    [{ ...normalise, size: { longest_edge: 224 } }, /^config.size.longest_edge must be absent/],
    [{ ...normalise, size: 224, resample: 'lanczos' }, 'config.resample must be one of 0, 2, 3'],
  ])('is refused where it asks for what cannot be done: %#', (config, message) => {
    const thrown = messageOf(() => fromPreprocessorConfig(config));
    if (typeof message === 'string') expect(thrown).toBe(message);
    else expect(thrown).toMatch(message);
  });
});
