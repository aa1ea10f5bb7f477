/** ONNX files → the graph that they hold. */
import type { NetworkGraph } from '../graph/node.js';
import { graphOf } from './node.js';
import { readModelProto } from './proto.js';

/**
 * @param bytes the whole file; weights may be views into it
 * @throws ModelFormatError when it cannot be read
 */
export function readOnnx(bytes: Uint8Array): NetworkGraph {
  return graphOf(readModelProto(bytes));
}
