/**
 * Preprocessing from the two JSON files that Hugging Face repositories carry: timm's config.json (its
 * `pretrained_cfg`) and transformers' preprocessor_config.json.
 *
 * What a `PreprocessSpec` cannot express is refused with the field's name, never approximated.
 */
import { type Check, Fields, fail, flag, listOf, number, oneOf, pixels, positive } from '../core/json.js';
import { checkChannels } from './parse.js';
import type { PreprocessSpec, ResizeFilter } from './spec.js';

/**
 * timm's evaluation transform (`transforms_imagenet_eval`): resize the shorter side to floor(size / crop_pct) (both
 * sides for crop_mode "squash"), centre crop to size.
 *
 * @param config a config.json, its `pretrained_cfg`, or `timm.get_pretrained_cfg(…).to_dict()`
 * @param options.testSize take test_input_size and test_crop_pct where the model has them (timm's `use_test_size`)
 * @throws OptionError naming the field
 */
export function fromTimmConfig(config: unknown, options: { readonly testSize?: boolean } = {}): PreprocessSpec {
  const outer = new Fields(config, 'config');
  const cfg = outer.has('pretrained_cfg')
    ? outer.required('pretrained_cfg', (value, path) => new Fields(value, path))
    : outer;
  const test = options.testSize === true;
  const [channels, height, width] = cfg.required(
    test && cfg.has('test_input_size') ? 'test_input_size' : 'input_size',
    shape,
  );
  const cropPct = cfg.optional(test && cfg.has('test_crop_pct') ? 'test_crop_pct' : 'crop_pct', positive, 0.875);
  const squash = cfg.optional('crop_mode', oneOf('center', 'squash'), 'center') === 'squash';
  const filter = cfg.optional('interpolation', oneOf('nearest', 'bilinear', 'bicubic'), 'bicubic');
  if (!squash && height !== width) fail(`${cfg.path}.input_size`, 'square, unless crop_mode is "squash"');
  const resized: readonly [number, number] = [Math.floor(height / cropPct), Math.floor(width / cropPct)];
  const spec: PreprocessSpec = {
    resize: squash
      ? { kind: 'exact', size: resized, filter, antialias: true }
      : { kind: 'shorterSide', size: resized[0], filter, antialias: true },
    crop: [height, width],
    scale: 1 / 255,
    mean: cfg.optional('mean', listOf(number), [0.485, 0.456, 0.406]),
    std: cfg.optional('std', listOf(positive), [0.229, 0.224, 0.225]),
    channelOrder: channels === 1 ? 'gray' : 'rgb',
  };
  return checkChannels(spec, cfg.path);
}

/** [channels, height, width] */
const shape: Check<readonly [number, number, number]> = (value, path) => {
  const [channels, height, width, ...rest] = listOf(pixels)(value, path);
  const isPicture =
    (channels === 1 || channels === 3) && height !== undefined && width !== undefined && rest.length === 0;
  return isPicture ? [channels, height, width] : fail(path, '[1 or 3 channels, height, width]');
};

/** Pillow's numbers for its filters (`PIL.Image.Resampling`). */
const PILLOW_FILTERS: Readonly<Record<0 | 2 | 3, ResizeFilter>> = { 0: 'nearest', 2: 'bilinear', 3: 'bicubic' };

/**
 * transformers' image processors: resize, centre crop, rescale, normalise, each behind a `do_…` switch that is on by
 * default (centre crop: off).
 *
 * A bare number for `size` is the shorter side when a centre crop follows (CLIP's habit), both sides otherwise (ViT's),
 * unless `default_to_square` says which. A file with timm's `pretrained_cfg` (transformers' wrapper of timm) is read as
 * such.
 *
 * @throws OptionError naming the field
 */
export function fromPreprocessorConfig(config: unknown): PreprocessSpec {
  const fields = new Fields(config, 'config');
  if (fields.has('pretrained_cfg')) return fromTimmConfig(config);
  refuseUnknown(fields, KNOWN);
  const on = (name: string, otherwise: boolean) => fields.optional(name, flag, otherwise);
  const crop = on('do_center_crop', false) ? fields.required('crop_size', cropSize) : null;
  const normalise = on('do_normalize', true);
  const bareIsShorter = !fields.optional('default_to_square', flag, crop === null);
  const filter = PILLOW_FILTERS[fields.optional('resample', oneOf(0, 2, 3), 2)];
  const spec: PreprocessSpec = {
    resize: on('do_resize', true) ? fields.required('size', resizeTo(filter, bareIsShorter)) : { kind: 'none' },
    crop,
    cropRounding: 'down',
    scale: on('do_rescale', true) ? fields.optional('rescale_factor', positive, 1 / 255) : 1,
    mean: normalise ? fields.required('image_mean', listOf(number)) : [0, 0, 0],
    std: normalise ? fields.required('image_std', listOf(positive)) : [1, 1, 1],
    channelOrder: 'rgb',
  };
  return checkChannels(spec, 'config');
}

/** Settings that are read here, or that change no pixel. */
const KNOWN = new Set([
  ...['do_resize', 'do_rescale', 'do_normalize', 'do_center_crop', 'do_convert_rgb', 'default_to_square'],
  ...['size', 'crop_size', 'resample', 'rescale_factor', 'image_mean', 'image_std'],
  ...['image_processor_type', 'feature_extractor_type', 'processor_class', '_processor_class', '_valid_processor_keys'],
  ...['data_format', 'input_data_format', 'return_tensors', 'device', 'disable_grouping', 'auto_map'],
]);
const KNOWN_SIZES = new Set(['shortest_edge', 'height', 'width']);

/** Whatever else is on may be another step of the preprocessing. */
function refuseUnknown(fields: Fields, known: ReadonlySet<string>): Fields {
  for (const [name, value] of fields) {
    const isOff = value === null || value === false;
    if (!known.has(name) && !isOff) fail(`${fields.path}.${name}`, 'absent, null or false: it is not known here');
  }
  return fields;
}

/** A side, or { height, width }. */
const cropSize: Check<readonly [height: number, width: number]> = (value, path) => {
  if (typeof value === 'number') return [pixels(value, path), pixels(value, path)];
  const fields = refuseUnknown(new Fields(value, path), KNOWN_SIZES);
  return [fields.required('height', pixels), fields.required('width', pixels)];
};

function resizeTo(filter: ResizeFilter, bareIsShorter: boolean): Check<PreprocessSpec['resize']> {
  return (value, path) => {
    const isBare = typeof value === 'number';
    const sizes = isBare ? null : refuseUnknown(new Fields(value, path), KNOWN_SIZES);
    const bare = isBare && bareIsShorter ? value : null;
    const shorter = sizes?.optional('shortest_edge', pixels, null) ?? bare;
    if (shorter === null) return { kind: 'exact', size: cropSize(value, path), filter, antialias: true };
    return { kind: 'shorterSide', size: pixels(shorter, path), filter, antialias: true };
  };
}
