/**
 * Teaches a network classes of the caller's own: a new linear head on the features that it has (the paper's "feature
 * transfer", section 6). The features stay as they are, so a few examples of each class are enough to try.
 */
import type { CallOptions, Example, TapResult, TaughtNetwork, TeachOptions, TrainOptions } from '../../api.js';
import { OptionError } from '../../core/errors.js';
import type { ImageSource } from '../../gpu/image-source.js';
import type { LinearHead } from '../../model/model.js';
import { checkOptions } from '../options.js';
import { trainHead } from './logistic-regression.js';

/** What teaching needs of a network. */
export interface FeatureNetwork<Net> {
  /** How many images go through the network together, `wanted` or fewer where there is no room. */
  batchOf(wanted: number): number;
  embed(images: readonly ImageSource[], options: CallOptions): Promise<TapResult>;
  /** The same network with another head, for these class names. @param examples how many it was trained on */
  withHead(head: LinearHead, labels: readonly string[], examples: number): Promise<Net>;
}

const NONE = 'none of these';
const BATCH = 8;

export class Teacher<Net> {
  private readonly known: Example[] = [];
  private readonly none: string;

  /** @throws OptionError unless there are two or more classes with different names */
  constructor(
    private readonly network: FeatureNetwork<Net>,
    readonly classes: readonly string[],
    { none = NONE }: TeachOptions = {},
  ) {
    this.none = none;
    const isNamed =
      Array.isArray(classes) && Array.from(classes).every((name) => typeof name === 'string' && name !== '');
    if (!isNamed || classes.length < 2 || new Set(classes).size < classes.length)
      throw new OptionError('classes', `classes are ${JSON.stringify(classes)}: make them two or more different names`);
    if (classes.includes(none))
      throw new OptionError('none', `"${none}" is one of the classes: add examples of no class with null instead`);
    this.classes = [...classes];
  }

  /** All examples, in the order in which they were added. */
  get examples(): readonly Example[] {
    return [...this.known];
  }

  /**
   * Adds an image, or several, as examples of a class. Only their features are kept, not the images.
   *
   * @param label one of `classes`; null for images of none of them, so that the network learns to say "none of these"
   * @returns the examples, in the order of the images
   * @throws OptionError for another name; ImageError, AbortedError as `embed()`: no example of this call is added then
   */
  async addExample(
    label: string | null,
    images: ImageSource | readonly ImageSource[],
    options: CallOptions = {},
  ): Promise<readonly Example[]> {
    checkOptions('addExample', options);
    if (label !== null && !this.classes.includes(label))
      throw new OptionError('label', `there is no class "${label}": it is one of ${this.classes.join(', ')}, or null`);
    const list = isList(images) ? Array.from(images) : [images];
    const size = this.network.batchOf(Math.min(BATCH, Math.max(1, list.length)));
    // All at once, so that all images are read at the moment of the call.
    const batches = Array.from({ length: Math.ceil(list.length / size) }, (_, b) =>
      this.network.embed(list.slice(b * size, (b + 1) * size), options),
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
   * Trains a head on the examples of this moment and returns a network with it, which classifies, explains and embeds like
   * any other. Dispose of each network when it is no longer needed.
   *
   * @throws OptionError when a class has no example; AbortedError; DisposedError when the network is disposed of
   */
  async train(options: TrainOptions = {}): Promise<TaughtNetwork<Net>> {
    checkOptions('train', options);
    const examples = this.examples;
    const isRejecting = examples.some(({ label }) => label === null);
    const labels = isRejecting ? [...this.classes, this.none] : this.classes;
    const indices = examples.map(({ label }) => labels.indexOf(label ?? this.none));
    const empty = labels.filter((_, k) => !indices.includes(k));
    if (empty.length > 0)
      throw new OptionError('examples', `${empty.map((name) => `"${name}"`).join(', ')}: add an example of each class`);
    const features = examples[0]?.features.length ?? 0;
    const data = new Float64Array(examples.length * features);
    for (const [e, example] of examples.entries()) data.set(example.features, e * features);
    const { accuracy, ...head } = await trainHead({ data, features, labels: indices, classes: labels.length }, options);
    return { net: await this.network.withHead(head, labels, examples.length), accuracy };
  }
}

const isList = (images: ImageSource | readonly ImageSource[]): images is readonly ImageSource[] =>
  Array.isArray(images);
