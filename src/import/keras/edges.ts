/** Who feeds whom in a Keras network, layers that do nothing at inference left out. */
import type { Layer } from './network.js';

/** Identities at inference: regularisation and augmentation. */
const NO_OPS: ReadonlySet<string> = new Set([
  ...['InputLayer', 'Dropout', 'SpatialDropout2D', 'GaussianDropout', 'AlphaDropout', 'GaussianNoise'],
  ...['ActivityRegularization', 'RandomFlip', 'RandomRotation', 'RandomZoom', 'RandomTranslation'],
  ...['RandomContrast', 'RandomBrightness'],
]);

export const isNoOp = ({ kind }: Layer): boolean => NO_OPS.has(kind);

export interface Edges {
  /** The layers that do something, in order. */
  readonly layers: readonly Layer[];
  /** What the convolutions' data format calls the axis of the channels. */
  readonly channelAxes: readonly number[];
  inputs(layer: Layer): readonly Layer[];
  consumers(layer: Layer): readonly Layer[];
  /** Position in the order of the computation. */
  position(layer: Layer): number;
}

/** @param all in the order of the computation: what comes later feeds nothing before it */
export function connect(all: readonly Layer[]): Edges {
  /** Name → the layer that makes what goes under it, behind idle ones; `null` for the network's input. */
  const producers = new Map<string, Layer | null>();
  const order = new Map<Layer, number>();
  const inputs = new Map<Layer, readonly Layer[]>();
  const consumers = new Map<Layer, Layer[]>();
  for (const [index, layer] of all.entries()) {
    if (isNoOp(layer)) {
      producers.set(layer.name, producers.get(layer.inputs[0] ?? '') ?? null);
      continue;
    }
    const from = layer.inputs.flatMap((name) => producers.get(name) ?? []);
    for (const producer of from) consumers.get(producer)?.push(layer);
    producers.set(layer.name, layer);
    order.set(layer, index);
    inputs.set(layer, from);
    consumers.set(layer, []);
  }
  const layers = [...inputs.keys()];
  const format = layers.find(({ kind }) => kind === 'Conv2D')?.config.get('data_format');
  return {
    layers,
    channelAxes: format === 'channels_first' ? [1, -3] : [3, -1],
    inputs: (layer) => inputs.get(layer) ?? [],
    consumers: (layer) => consumers.get(layer) ?? [],
    position: (layer) => order.get(layer) ?? -1,
  };
}
