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
  inputs(layer: Layer): readonly Layer[];
  consumers(layer: Layer): readonly Layer[];
  /** Place in the order of the computation. */
  place(layer: Layer): number;
}

export function wire(all: readonly Layer[]): Wiring {
  const byName = new Map(all.map((layer) => [layer.name, layer]));
  const places = new Map(all.map((layer, place) => [layer, place]));
  const layers = all.filter((layer) => !isIdle(layer));
  const inputs = new Map(layers.map((layer) => [layer, layer.inputs.flatMap((name) => producer(name, byName))]));
  const consumers = new Map<Layer, Layer[]>(layers.map((layer) => [layer, []]));
  for (const [layer, producers] of inputs) for (const one of producers) consumers.get(one)?.push(layer);
  return {
    layers,
    inputs: (layer) => inputs.get(layer) ?? [],
    consumers: (layer) => consumers.get(layer) ?? [],
    place: (layer) => places.get(layer) ?? -1,
  };
}

/** The layer that makes what goes under `name`, behind idle ones; none for the network's input. */
function producer(name: string, byName: ReadonlyMap<string, Layer>): Layer[] {
  let layer = byName.get(name);
  for (let steps = 0; layer && isIdle(layer) && steps < byName.size; steps++) layer = byName.get(layer.inputs[0] ?? '');
  return layer && !isIdle(layer) ? [layer] : [];
}
