/** Whether a file is a TensorFlow.js model.json: a JSON document that names one of its two parts early on. */
export function looksLikeTfjs(bytes: Uint8Array): boolean {
  const start = new TextDecoder().decode(bytes.subarray(0, START));
  return /^\s*\{/.test(start) && /"(modelTopology|weightsManifest)"/.test(start);
}

/** Converters put format and origin before them, a page's `model.save()` puts nothing there. */
const START = 4096;
