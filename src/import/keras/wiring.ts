/** Who feeds whom in a Keras network, layers that do nothing at inference left out. */
import type { Layer } from './network.js';

/** Identities at inference: regularisation and augmentation. */
const IDLE: ReadonlySet<string> = new Set([
  ...['InputLayer', 'Dropout', 'SpatialDropout2D', 'GaussianDropout', 'AlphaDropout', 'GaussianNoise'],
  ...['ActivityRegularization', 'RandomFlip', 'RandomRotation', 'RandomZoom', 'RandomTranslation'],
  ...['RandomContrast', 'RandomBrightness'],
]);

export const isIdle = ({ kind }: Layer): boolean => IDLE.has(kind);

export interface Wiring {
  /** The layers that do something, in order. */
  readonly layers: readonly Layer[];
  /** What the convolutions' data format calls the axis of the channels. */
  readonly channelAxes: readonly number[];
  inputs(layer: Layer): readonly Layer[];
  consumers(layer: Layer): readonly Layer[];
  /** Place in the order of the computation. */
  place(layer: Layer): number;
}

/** @param all in the order of the computation: what comes later feeds nothing before it */
export function wire(all: readonly Layer[]): Wiring {
  /** Name → the layer that makes what goes under it, behind idle ones; `null` for the network's input. */
  const makers = new Map<string, Layer | null>();
  const places = new Map<Layer, number>();
  const inputs = new Map<Layer, readonly Layer[]>();
  const consumers = new Map<Layer, Layer[]>();
  for (const [place, layer] of all.entries()) {
    if (isIdle(layer)) {
      makers.set(layer.name, makers.get(layer.inputs[0] ?? '') ?? null);
      continue;
    }
    const producers = layer.inputs.flatMap((name) => makers.get(name) ?? []);
    for (const producer of producers) consumers.get(producer)?.push(layer);
    makers.set(layer.name, layer);
    places.set(layer, place);
    inputs.set(layer, producers);
    consumers.set(layer, []);
  }
  const layers = [...inputs.keys()];
  const format = layers.find(({ kind }) => kind === 'Conv2D')?.config.get('data_format');
  return {
    layers,
    channelAxes: format === 'channels_first' ? [1, -3] : [3, -1],
    inputs: (layer) => inputs.get(layer) ?? [],
    consumers: (layer) => consumers.get(layer) ?? [],
    place: (layer) => places.get(layer) ?? -1,
  };
}
