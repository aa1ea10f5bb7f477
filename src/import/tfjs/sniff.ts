/** Whether a file begins as a JSON document: of what can be imported, only a TensorFlow.js model.json does. */
export function looksLikeTfjs(bytes: Uint8Array): boolean {
  const start = new TextDecoder().decode(bytes.subarray(0, 64));
  return /^\uFEFF?\s*\{\s*("|$)/.test(start);
}
