/** Keras files: `.h5` of Keras 2 and 3, whole models and weights alone; `.weights.h5` and `.keras` of Keras 3. */
import { ModelFormatError } from '../../core/errors.js';
import type { Decoded } from '../decoded.js';
import { formatError } from '../format-error.js';
import { type Hdf5Object, openHdf5 } from '../hdf5/file.js';
import { openArchive } from './archive.js';
import { assemble } from './assemble.js';
import { readLegacyStore } from './legacy-store.js';
import { readNetwork } from './network.js';
import { readStore } from './store.js';

/**
 * @param acceptOrderedNames the user has said the epsilon: weights without names are taken in the order of their numbers
 * @throws ModelFormatError naming what does not fit
 */
export function readKerasH5(bytes: Uint8Array, acceptOrderedNames: boolean): Decoded {
  const root = openHdf5(bytes);
  const config = root.texts('model_config')?.[0];
  const layers = config === undefined ? null : readNetwork(parseJson(config));
  const whole = root.get('model_weights');
  if (whole || hasList(root)) return assemble(readLegacyStore(whole ?? root, layers), layers, acceptOrderedNames);
  if (root.get('layers')) return assemble(readStore(root, layers), layers, acceptOrderedNames);
  const inside = root.keys().slice(0, 8).join(', ');
  throw new ModelFormatError(`this HDF5 file is not one of Keras: it holds ${inside || 'nothing'}`, {
    format: 'keras',
  });
}

const hasList = (root: Hdf5Object): boolean => (root.texts('layer_names') ?? root.texts('layer_names0')) !== null;

/** @throws ModelFormatError naming what does not fit */
export function readKerasArchive(bytes: Uint8Array): Decoded {
  const { config, weights } = openArchive(bytes);
  const network = readNetwork(parseJson(new TextDecoder().decode(config)));
  return assemble(readStore(openHdf5(weights), network), network, false);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw formatError('keras')('its config is not JSON', { cause });
  }
}
