/** A network as a file: the whole model, or its head alone. */
import type { SaveOptions } from '../api.js';
import { OptionError } from '../core/errors.js';
import { unusualFacts } from '../model/derive.js';
import { encodeMetadata } from '../model/metadata.js';
import { writeSafetensors } from '../tensor/safetensors.js';
import { fingerprintOf, headMetadata, headTensors, writeHead } from '../weights/head-file.js';
import { UNPACKED_EPSILON, unpackHead, unpackModel } from '../weights/unpack.js';
import type { DenseNetParts } from './load.js';

/** @throws DisposedError; OptionError for a head that is not one layer */
export function saveModel(
  { engine, images, config, metadata }: Pick<DenseNetParts, 'engine' | 'images' | 'config' | 'metadata'>,
  { headOnly = false }: SaveOptions,
): Uint8Array<ArrayBuffer> {
  const { packed, weightLayout, ownHead } = engine.weightsFor('toSafetensors');
  const shared = { packed, layout: weightLayout };
  const sources = ownHead ? [ownHead, shared] : [shared];
  if (headOnly) {
    if (config.hidden || config.classes === 0) {
      const found = config.hidden ? 'this head has several layers' : 'this network has no classifier';
      throw new OptionError('headOnly', `${found}, and a head file holds one layer: save the whole model`);
    }
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
