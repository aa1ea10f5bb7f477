/** The way of `DenseNet.load` with a URL: a model that is used while it arrives, in pieces of any size. */

import { decodeMetadata } from '../../src/model/metadata.js';
import { ModelStream } from '../../src/runtime/model-stream.js';
import { packStreamed } from '../../src/runtime/stream-weights.js';
import { interpretTensors } from '../../src/weights/interpret.js';
import { layoutWeights } from '../../src/weights/pack.js';

const URL_OF_IT = 'https://example.com/model.safetensors';

/** A download in pieces of `size` bytes that says its length or does not. */
function respond(bytes: Uint8Array, size: number, isLengthSaid: boolean): Response {
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + size));
      at += size;
    },
  });
  return new Response(body, { headers: isLengthSaid ? { 'content-length': String(bytes.length) } : {} });
}

/** @throws DenseNetError, as `load()`; everything before the GPU */
export async function loadInPieces(bytes: Uint8Array, size: number, isLengthSaid: boolean): Promise<void> {
  const original = globalThis.fetch;
  globalThis.fetch = async () => respond(bytes, size, isLengthSaid);
  const opening = ModelStream.open(URL_OF_IT, () => undefined);
  globalThis.fetch = original; // open() has asked by now
  const stream = await opening;
  try {
    const metadata = decodeMetadata(stream.header.metadata);
    const { canonical, config } = interpretTensors(stream.tensors, metadata);
    const layout = layoutWeights(config, 'f32');
    const packed = new ArrayBuffer(layout.bytes);
    for await (const _ of packStreamed(stream, canonical, config, layout, packed));
  } catch (error) {
    stream.cancel();
    throw error;
  }
}
