/** Reads a `PreprocessSpec` from untrusted JSON: a model file's metadata, or what a user wrote. */
import {
  type Check,
  Fields,
  fail,
  flag,
  listOf,
  nullable,
  number,
  oneOf,
  pixels,
  positive,
  size,
} from '../core/json.js';
import { channelsOf, type PreprocessSpec } from './spec.js';

/**
 * Checks every field; unknown fields are dropped.
 *
 * @param path how messages call the value
 * @throws OptionError naming the field that is missing or not what it must be
 */
export function parsePreprocess(value: unknown, path = 'preprocess'): PreprocessSpec {
  const fields = new Fields(value, path);
  const cropRounding = fields.optional('cropRounding', oneOf('even', 'down', 'middle'), undefined);
  return checkChannels(
    {
      resize: fields.required('resize', resize),
      crop: fields.required('crop', nullable(size)),
      ...(cropRounding === undefined ? {} : { cropRounding }),
      scale: fields.required('scale', number),
      mean: fields.required('mean', listOf(number)),
      std: fields.required('std', listOf(positive)),
      channelOrder: fields.required('channelOrder', channelOrder),
    },
    path,
  );
}

/** `grey` and `grey-mean` are how files before version 0.2 spell it. */
const channelOrder: Check<PreprocessSpec['channelOrder']> = (value, path) =>
  oneOf('rgb', 'bgr', 'gray', 'gray-mean')(typeof value === 'string' ? value.replace(/^grey/, 'gray') : value, path);

const resize: Check<PreprocessSpec['resize']> = (value, path) => {
  const fields = new Fields(value, path);
  const kind = fields.required('kind', oneOf('shorterSide', 'exact', 'cover', 'none'));
  if (kind === 'none') return { kind };
  const filter = fields.required('filter', oneOf('nearest', 'bilinear', 'bicubic', 'gaussian'));
  const antialias = fields.required('antialias', flag);
  if (kind === 'shorterSide') return { kind, size: fields.required('size', pixels), filter, antialias };
  return { kind, size: fields.required('size', size), filter, antialias };
};

/** @throws OptionError unless mean and std have one value per channel */
export function checkChannels(spec: PreprocessSpec, path: string): PreprocessSpec {
  const channels = channelsOf(spec);
  for (const name of ['mean', 'std'] as const) {
    if (spec[name].length !== channels)
      fail(`${path}.${name}`, `a list of ${channels}, one per channel of ${spec.channelOrder}`);
  }
  return spec;
}
