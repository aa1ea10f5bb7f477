/** Whether a zip archive is Keras', by the names of its entries; nothing is unpacked. */
export function looksLikeKeras(bytes: Uint8Array): boolean {
  // The first entry's name follows its header of 30 bytes; the directory of all names is at the end.
  const first = new TextDecoder('latin1').decode(bytes.subarray(30, 30 + (bytes[26] ?? 0)));
  const directory = new TextDecoder('latin1').decode(bytes.subarray(-TAIL));
  return FIRST.has(first) || directory.includes(WEIGHTS);
}

const TAIL = 4096;
const WEIGHTS = 'model.weights.h5';
/** Keras writes them in this order; an archive may be cut. */
const FIRST: ReadonlySet<string> = new Set(['metadata.json', 'config.json', WEIGHTS]);
