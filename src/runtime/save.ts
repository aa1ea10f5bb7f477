/** A network as a file: the whole model, or its head alone. */
import type { SaveOptions } from '../api.js';
import { OptionError } from '../core/errors.js';
import { unusualFacts } from '../model/derive.js';
import { encodeMetadata } from '../model/metadata.js';
import { writeSafetensors } from '../tensor/safetensors.js';
import { fingerprintOf, headMetadata, headTensors, writeHead } from '../weights/head-file.js';
import { UNPACKED_EPSILON, unpackHead, unpackModel } from '../weights/unpack.js';
import type { DenseNetParts } from './load.js';

/** @throws DisposedError; OptionError for the head of a network that has several layers there */
export function saveModel(
  { engine, images, config, metadata }: Pick<DenseNetParts, 'engine' | 'images' | 'config' | 'metadata'>,
  { headOnly = false }: SaveOptions,
): Uint8Array<ArrayBuffer> {
  const { packed, weightLayout, ownHead } = engine.weightsFor('toSafetensors');
  const shared = { packed, layout: weightLayout };
  const sources = ownHead ? [ownHead, shared] : [shared];
  if (headOnly) {
    if (config.hidden)
      throw new OptionError(
        'headOnly',
        'this head has several layers, which a head file does not hold: save the whole model',
      );
    return writeHead({
      tensors: headTensors(unpackHead(config, sources)),
      metadata: headMetadata(metadata),
      fingerprint: fingerprintOf(shared),
    });
  }
  const facts = { ...unusualFacts(config), bnEpsilon: UNPACKED_EPSILON };
  // What load() was told of preprocessing counts, as the network's answers follow it.
  const preprocess = images ? { preprocess: images.spec } : {};
  return writeSafetensors(unpackModel(config, sources), encodeMetadata({ ...metadata, ...preprocess, ...facts }));
}
