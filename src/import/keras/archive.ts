/** The `.keras` archive: a zip of config.json, metadata.json and model.weights.h5. */
import { unzipSync } from 'fflate';
import { ModelFormatError } from '../../core/errors.js';
import { formatError } from '../format-error.js';

const kerasError = formatError('keras');

const CONFIG = 'config.json';
const WEIGHTS = 'model.weights.h5';
const MAX_ENTRIES = 10_000;
/** Keras stores without compression; float noise re-zipped shrinks by a tenth. Small nets are mostly headers and shrink more. */
const MAX_EXPANSION = 2;
const SMALL = 1 << 20;

/** @throws ModelFormatError for a damaged archive, or an expansion beyond bounds */
export function openArchive(bytes: Uint8Array): { readonly config: Uint8Array; readonly weights: Uint8Array } {
  let entries = 0;
  let total = 0;
  const names: string[] = [];
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, {
      filter: ({ name, originalSize, size }) => {
        if (++entries > MAX_ENTRIES) throw kerasError(`it has more than ${MAX_ENTRIES} entries`);
        names.push(name);
        if (name !== CONFIG && name !== WEIGHTS) return false;
        total += Math.max(size, originalSize);
        if (total > SMALL + MAX_EXPANSION * bytes.length) throw kerasError(`it would expand to over ${total} bytes`);
        return true;
      },
    });
  } catch (cause) {
    if (cause instanceof ModelFormatError) throw cause;
    throw kerasError('the archive is damaged or truncated', { cause });
  }
  const [config, weights] = [files[CONFIG], files[WEIGHTS]];
  if (config && weights) return { config, weights };
  throw kerasError(`it lacks ${config ? WEIGHTS : CONFIG}; it holds ${names.slice(0, 8).join(', ') || 'nothing'}`);
}
