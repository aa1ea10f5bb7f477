/**
 * Teaches a network classes of the caller's own: a new linear head on the features that it has (the paper's "feature
 * transfer", section 6). The features stay as they are, so a few examples of each class are enough to try.
 */
import type { CallOptions, TapResult, TrainOptions } from '../../api.js';
import { OptionError } from '../../core/errors.js';
import type { ImageSource } from '../../gpu/image-source.js';
import { type LinearHead, trainHead } from './logistic-regression.js';

/** An example that was added. */
export interface Example {
  /** Name of its class; null for an example of none of the classes. */
  readonly label: string | null;
  /** Pooled features of the image, as `embed()` gives them. */
  readonly features: Float32Array;
}

/** A trained network, and what to expect of it. */
export interface TaughtNetwork<Net> {
  readonly net: Net;
  /**
   * Share of the examples that a head trained without them gets right (cross-validation); null where a class has a single
   * example.
   */
  readonly accuracy: number | null;
}

/** What teaching needs of a network. */
export interface FeatureNetwork<Net> {
  embed(images: readonly ImageSource[], options: CallOptions): Promise<TapResult>;
  /** The same network with another head, for these class names. */
  withHead(head: LinearHead, labels: readonly string[]): Promise<Net>;
}

/** The class of examples that belong to none of the caller's. */
const NONE = 'none of these';
/** Images that go through the network together. */
const BATCH = 8;

export class Teacher<Net> {
  private readonly known: Example[] = [];

  /** @throws OptionError unless there are two or more classes with different names */
  constructor(
    private readonly network: FeatureNetwork<Net>,
    readonly classes: readonly string[],
  ) {
    const isNamed =
      Array.isArray(classes) && Array.from(classes).every((name) => typeof name === 'string' && name !== '');
    if (!isNamed || classes.length < 2 || new Set(classes).size < classes.length || classes.includes(NONE))
      throw new OptionError('classes', `classes are ${JSON.stringify(classes)}: make them two or more different names`);
  }

  /** All examples, in the order in which they were added. */
  get examples(): readonly Example[] {
    return this.known;
  }

  /**
   * Adds an image, or several, as examples of a class. Only their features are kept, not the images.
   *
   * @param label one of `classes`; null for images of none of them, so that the network learns to say "none of these"
   * @throws OptionError for another name; ImageError, AbortedError as `embed()`: no example of this call is added then
   */
  async addExample(
    label: string | null,
    images: ImageSource | readonly ImageSource[],
    options: CallOptions = {},
  ): Promise<readonly Example[]> {
    if (label !== null && !this.classes.includes(label))
      throw new OptionError('label', `there is no class "${label}": it is one of ${this.classes.join(', ')}, or null`);
    const list = isList(images) ? Array.from(images) : [images];
    // All at once, so that all images are read at the moment of the call.
    const batches = Array.from({ length: Math.ceil(list.length / BATCH) }, (_, b) =>
      this.network.embed(list.slice(b * BATCH, (b + 1) * BATCH), options),
    );
    const added = (await Promise.all(batches)).flatMap(({ shape: [count = 0, features = 0], data }) =>
      Array.from({ length: count }, (_, i) => ({ label, features: data.slice(i * features, (i + 1) * features) })),
    );
    this.known.push(...added);
    return added;
  }

  /** Takes an example out again. Nothing happens when it is not there. */
  remove(example: Example): void {
    const index = this.known.indexOf(example);
    if (index >= 0) this.known.splice(index, 1);
  }

  /**
   * Trains a head on the examples and returns a network with it, which classifies, explains and embeds like any other. It
   * shares the weights and the device of the network it was taught on; dispose of each when it is no longer needed.
   *
   * @throws OptionError when a class has no example; AbortedError
   */
  async train(options: TrainOptions = {}): Promise<TaughtNetwork<Net>> {
    const isRejecting = this.known.some(({ label }) => label === null);
    const labels = isRejecting ? [...this.classes, NONE] : this.classes;
    const indices = this.known.map(({ label }) => labels.indexOf(label ?? NONE));
    const empty = labels.filter((_, k) => !indices.includes(k));
    if (empty.length > 0)
      throw new OptionError('examples', `${empty.map((name) => `"${name}"`).join(', ')}: add an example of each class`);
    const features = this.known[0]?.features.length ?? 0;
    const data = Float64Array.from(this.known.flatMap((example) => [...example.features]));
    const { accuracy, ...head } = await trainHead({ data, features, labels: indices, classes: labels.length }, options);
    return { net: await this.network.withHead(head, labels), accuracy };
  }
}

const isList = (images: ImageSource | readonly ImageSource[]): images is readonly ImageSource[] =>
  Array.isArray(images);
