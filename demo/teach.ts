/**
 * Teaches the network classes of the user: examples in, a network with a new last layer out. Trains again whenever the
 * examples change, and puts the taught network on the page.
 */
import type { DenseNet, Example, Teacher } from 'densenet-webgpu';
import { keepNetwork, onModel, useModel } from './current.js';
import type { Model } from './models.js';
import { messageOf } from './status.js';

export interface TaughtExample {
  readonly bitmap: ImageBitmap;
}

type Source = Blob | HTMLVideoElement | ImageBitmap;

export interface TaughtClass {
  name: string;
  /** Images of none of the classes. */
  readonly isNone: boolean;
  readonly examples: TaughtExample[];
}

/** The shorter side of an example, in pixels: enough for every model, and hundreds fit into memory. */
const EXAMPLE_SIDE = 256;
/** Milliseconds without a change before the training begins. */
const PAUSE_MS = 400;
const NAME = 'Your model';

/** A teacher of these class names, and the examples that it has already. */
interface Course {
  readonly names: string;
  readonly teacher: Teacher<DenseNet>;
  readonly known: Map<TaughtExample, Example>;
}

export interface LessonListener {
  /** The examples or the classes have changed. */
  onChange(): void;
  /** @param note what is missing, what goes on, or how good the network is */
  onNote(note: string): void;
  /** Teaching has ended: another model was loaded, or the user stopped. */
  onEnd(): void;
}

/** Two classes without examples. */
export const newClasses = (): TaughtClass[] => [
  { name: 'Class 1', isNone: false, examples: [] },
  { name: 'Class 2', isNone: false, examples: [] },
];

export class Lesson {
  private course: Course | null = null;
  private taught: Model | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private training = Promise.resolve();
  private isOver = false;
  private readonly forgetModel: () => void;

  /**
   * @param base the network that is taught; kept while the taught one is on the page
   * @param classes with the examples of the lesson before, which stay when a lesson ends
   */
  constructor(
    private readonly base: Model,
    readonly classes: TaughtClass[],
    private readonly listener: LessonListener,
  ) {
    keepNetwork(base.net);
    this.forgetModel = onModel((model) => {
      if (model === this.base || model === this.taught) return;
      // Another model has taken the place of the taught one; the base waits for nobody any longer.
      this.end();
      base.net.dispose();
    });
  }

  /** Trains on the examples that there are. */
  start(): void {
    this.changed();
  }

  addClass(isNone: boolean): void {
    const count = this.classes.filter((taught) => !taught.isNone).length;
    const added: TaughtClass = { name: isNone ? 'None of these' : `Class ${count + 1}`, isNone, examples: [] };
    // "None of these" stays the last.
    const end = this.classes.at(-1)?.isNone ? this.classes.length - 1 : this.classes.length;
    this.classes.splice(end, 0, added);
    this.changed();
  }

  removeClass(taught: TaughtClass): void {
    this.classes.splice(this.classes.indexOf(taught), 1);
    for (const { bitmap } of taught.examples) bitmap.close();
    this.changed();
  }

  rename(taught: TaughtClass, name: string): void {
    taught.name = name.trim() || taught.name;
    this.changed();
  }

  /** @throws DOMException when the image cannot be decoded */
  async add(taught: TaughtClass, source: Source): Promise<void> {
    const bitmap = await reduced(source);
    if (this.isOver || !this.classes.includes(taught)) return bitmap.close();
    taught.examples.push({ bitmap });
    this.changed();
  }

  removeExample(taught: TaughtClass, example: TaughtExample): void {
    taught.examples.splice(taught.examples.indexOf(example), 1);
    example.bitmap.close();
    this.changed();
  }

  /** The taught network; null before the first training. */
  get network(): DenseNet | null {
    return this.taught?.net ?? null;
  }

  /** Puts the model that was taught from back on the page. */
  stop(): void {
    this.end();
    if (this.taught) void useModel(async () => this.base);
  }

  private end(): void {
    this.isOver = true;
    this.forgetModel();
    clearTimeout(this.timer);
    keepNetwork(null);
    this.listener.onEnd();
  }

  private changed(): void {
    this.listener.onChange();
    clearTimeout(this.timer);
    const missing = this.missing();
    this.listener.onNote(missing ?? 'Training …');
    if (missing !== null) return;
    this.timer = setTimeout(() => {
      this.training = this.training.then(() => this.train()).catch((error) => this.listener.onNote(messageOf(error)));
    }, PAUSE_MS);
  }

  /** What is needed before the training; null: nothing. */
  private missing(): string | null {
    const named = this.classes.filter(({ isNone }) => !isNone);
    const names = new Set(this.classes.map(({ name }) => name));
    if (named.length < 2) return 'Two classes are needed.';
    if (names.size < this.classes.length) return 'Give the classes different names.';
    const empty = this.classes.filter(({ examples }) => examples.length === 0).map(({ name }) => name);
    return empty.length === 0 ? null : `Examples are missing for ${empty.join(' and ')}.`;
  }

  private async train(): Promise<void> {
    if (this.isOver || this.missing() !== null) return;
    const { teacher, known } = this.ensureCourse();
    const wanted = this.classes.flatMap(({ examples }) => examples);
    for (const [example, added] of known) {
      if (wanted.includes(example)) continue;
      teacher.remove(added);
      known.delete(example);
    }
    for (const { name, isNone, examples } of [...this.classes]) {
      const fresh = examples.filter((example) => !known.has(example));
      const bitmaps = fresh.map(({ bitmap }) => bitmap);
      const added = await teacher.addExample(isNone ? null : name, bitmaps);
      for (const [e, one] of added.entries()) {
        const example = fresh[e];
        if (example) known.set(example, one);
      }
    }
    const { net, accuracy } = await teacher.train();
    if (this.isOver) return net.dispose();
    const next: Model = { net, name: NAME, base: this.base };
    this.taught = next;
    await useModel(async () => next);
    this.listener.onChange();
    this.listener.onNote(describe(accuracy, known.size));
  }

  /** Names are fixed in a teacher: for other names there is a new one, which gets all images again. */
  private ensureCourse(): Course {
    const classes = this.classes.filter(({ isNone }) => !isNone).map(({ name }) => name);
    const none = this.classes.find(({ isNone }) => isNone)?.name;
    const names = JSON.stringify([classes, none]);
    if (this.course?.names !== names) {
      const teacher = this.base.net.teach(classes, none === undefined ? {} : { none });
      this.course = { names, teacher, known: new Map() };
    }
    return this.course;
  }
}

function describe(accuracy: number | null, count: number): string {
  const trained = `Trained on ${count} examples.`;
  if (accuracy === null) return `${trained} With two examples of each class, the page can say how good it is.`;
  return `${trained} It names ${Math.round(100 * accuracy)} % of them right when it has not seen them.`;
}

async function reduced(source: Source): Promise<ImageBitmap> {
  const whole = await createImageBitmap(source, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  const scale = EXAMPLE_SIDE / Math.min(whole.width, whole.height);
  if (scale >= 1) return whole;
  const small = await createImageBitmap(whole, {
    resizeWidth: Math.max(1, Math.round(whole.width * scale)),
    resizeHeight: Math.max(1, Math.round(whole.height * scale)),
    resizeQuality: 'high',
  });
  whole.close();
  return small;
}
