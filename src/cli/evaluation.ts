/** Judges predictions by the true classes, for models that name one class and for those that score each by itself. */
import { type LabelReport, LabelScore, type SingleLabelReport, SingleLabelScore } from './metrics.js';
import type { LabelledImage, Truth } from './truth.js';

export type Evaluation = SingleClassEvaluation | LabelEvaluation;

export interface SingleClassEvaluation extends SingleLabelReport {
  readonly kind: 'classes';
}

export interface LabelEvaluation {
  readonly kind: 'labels';
  readonly images: number;
  /** Over the classes that have an area. Null where none has. */
  readonly meanAuroc: number | null;
  readonly classes: readonly LabelReport[];
}

/** What a network says of one image. */
export interface Judged {
  /** The classes it gives. */
  readonly predicted: readonly number[];
  /** Of the one class; null where there may be several. */
  readonly probability: number | null;
}

export interface Scorer {
  /** The image with an error where its labels do not suit the model. */
  checked(image: LabelledImage): LabelledImage;
  add(scores: Float32Array, truth: Truth): Judged;
  /** How it stands, to be added to the line of progress. */
  describe(): string;
  report(): Evaluation;
}

export class SingleClassScorer implements Scorer {
  private readonly score: SingleLabelScore;

  constructor(classes: number) {
    this.score = new SingleLabelScore(classes);
  }

  checked(image: LabelledImage): LabelledImage {
    const { present } = image.truth;
    if (image.error !== undefined || present.length === 1) return image;
    const what = present.length === 0 ? 'no label is a class of the model' : `it has ${present.length} labels`;
    return { ...image, error: `${what}, but the model names one class for each image: check its label` };
  }

  add(scores: Float32Array, { present: [truth = 0] }: Truth): Judged {
    const predicted = this.score.add(scores, truth);
    return { predicted: [predicted], probability: scores[predicted] ?? null };
  }

  describe(): string {
    return `, ${(100 * this.score.accuracy).toFixed(2)} % right`;
  }

  report(): SingleClassEvaluation {
    return { kind: 'classes', ...this.score.report() };
  }
}

/** The threshold of a class for which the model has none. */
const HALF = 0.5;

export class LabelScorer implements Scorer {
  private readonly scores: readonly LabelScore[];
  private readonly thresholds: readonly number[];
  private images = 0;

  constructor(classes: number, thresholds: readonly (number | null)[] = []) {
    this.thresholds = Array.from({ length: classes }, (_, index) => thresholds[index] ?? HALF);
    this.scores = this.thresholds.map((threshold, index) => new LabelScore(index, threshold));
  }

  checked(image: LabelledImage): LabelledImage {
    return image;
  }

  add(scores: Float32Array, { present, unknown }: Truth): Judged {
    this.images++;
    const predicted: number[] = [];
    for (const [index, score] of scores.entries()) {
      if (score >= (this.thresholds[index] ?? HALF)) predicted.push(index);
      if (!unknown.includes(index)) this.scores[index]?.add(score, present.includes(index));
    }
    return { predicted, probability: null };
  }

  /** The area under a curve is not known before the end. */
  describe(): string {
    return '';
  }

  report(): LabelEvaluation {
    const classes = this.scores.map((score) => score.report());
    const areas = classes.flatMap(({ auroc }) => (auroc === null ? [] : [auroc]));
    const total = areas.reduce((sum, area) => sum + area, 0);
    return { kind: 'labels', images: this.images, meanAuroc: areas.length > 0 ? total / areas.length : null, classes };
  }
}
