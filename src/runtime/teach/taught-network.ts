/** A taught head and the network whose features it reads → another network, which shares the weights and the device. */
import type { LinearHead, ModelMetadata } from '../../model/model.js';
import { withClasses, withHeadMetadata } from '../../weights/head-file.js';
import { packHead } from '../../weights/pack.js';
import type { DenseNetParts } from '../load.js';

const ACTIVATION = 'softmax';

/** What is said of the base's accuracy is not true of the taught network, so that both are named. */
function provenanceOf({ provenance }: ModelMetadata, examples: number): string {
  const features = provenance?.replace(TAUGHT, '');
  return `Last layer taught on ${examples} examples.${features ? ` Features: ${features}` : ''}`;
}

const TAUGHT = /^Last layer taught on \d+ examples\.( Features: )?/;

/** @throws DisposedError, OutOfMemoryError, LimitError, ShaderError, DeviceLostError; nothing stays allocated then */
export async function taughtParts(
  base: DenseNetParts,
  head: LinearHead,
  labels: readonly string[],
  examples: number,
): Promise<DenseNetParts> {
  const config = withClasses(base.config, labels.length);
  const provenance = provenanceOf(base.metadata, examples);
  const metadata = withHeadMetadata(base.metadata, { labels, activation: ACTIVATION, provenance });
  const packed = packHead(config, head, base.engine.precision.weights);
  const engine = await base.engine.withHead(config, packed, ACTIVATION);
  try {
    const call = { what: 'train', batch: base.plan.options.batch, inputSize: base.inputSize };
    const plan = await engine.prepare(call, async (_, executable) => (await executable).plan);
    return { ...base, engine, config, metadata, plan };
  } catch (error) {
    engine.dispose();
    throw error;
  }
}
