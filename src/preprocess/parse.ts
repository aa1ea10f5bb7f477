/** Reads a `PreprocessSpec` from untrusted JSON: a model file's metadata, or what a user wrote. */

import { OptionError } from '../core/errors.js';
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
 * @throws OptionError naming every field that is missing or not what it must be
 */
export function parsePreprocess(value: unknown, path = 'preprocess'): PreprocessSpec {
  const fields = new Fields(value, path);
  const problems: OptionError[] = [];
  const tried = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      problems.push(error);
      return undefined;
    }
  };
  const cropRounding = tried(() => fields.optional('cropRounding', oneOf('even', 'down', 'middle'), undefined));
  const spec = {
    resize: tried(() => fields.required('resize', resize)),
    crop: tried(() => fields.required('crop', nullable(size))),
    scale: tried(() => fields.required('scale', number)),
    mean: tried(() => fields.required('mean', listOf(number))),
    std: tried(() => fields.required('std', listOf(positive))),
    channelOrder: tried(() => fields.required('channelOrder', channelOrder)),
  };
  const { resize: resizing, crop, scale, mean, std, channelOrder: order } = spec;
  const [first, ...others] = problems;
  if (first && others.length === 0) throw first;
  if (first) throw new OptionError(path, problems.map(({ message }) => message).join('; '));
  if (!resizing || crop === undefined || scale === undefined || !mean || !std || !order) return fail(path, 'complete');
  const rounding = cropRounding === undefined ? {} : { cropRounding };
  return checkChannels({ resize: resizing, crop, ...rounding, scale, mean, std, channelOrder: order }, path);
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
