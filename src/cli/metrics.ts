/** How well a network classifies: accuracy, confusion and calibration for one class an image; AUROC for several. */

/** Bins of equal width that the calibration error is computed with. */
export const CALIBRATION_BINS = 15;
const TOP = 5;

export interface ClassAccuracy {
  readonly index: number;
  /** Images of the class, those of them that were taken for it (its recall), and all that were taken for it. */
  readonly images: number;
  readonly right: number;
  readonly predicted: number;
}

export interface CalibrationBin {
  readonly images: number;
  /** Means over the bin; 0 where it is empty. */
  readonly confidence: number;
  readonly accuracy: number;
}

export interface Confusion {
  readonly true: number;
  readonly predicted: number;
  readonly images: number;
}

/** Shares are of 1. */
export interface SingleLabelReport {
  readonly images: number;
  readonly right: number;
  readonly top1: number;
  /** Null where the model has no more than five classes. */
  readonly top5: number | null;
  /** Expected calibration error (Guo et al. 2017): mean over the images of |accuracy − confidence| of their bin. */
  readonly calibrationError: number;
  readonly bins: readonly CalibrationBin[];
  readonly classes: readonly ClassAccuracy[];
  /** Those pairs that occur. */
  readonly confusion: readonly Confusion[];
}

/** Counts images as they come, for networks that give one class an image. */
export class SingleLabelScore {
  private images = 0;
  private right = 0;
  private rightInTop = 0;
  private readonly counts: Uint32Array;
  private readonly binImages = new Float64Array(CALIBRATION_BINS);
  private readonly binConfidence = new Float64Array(CALIBRATION_BINS);
  private readonly binRight = new Float64Array(CALIBRATION_BINS);

  constructor(private readonly classes: number) {
    this.counts = new Uint32Array(classes * classes);
  }

  /** Of the images so far, the share that was classified right. */
  get accuracy(): number {
    return this.right / Math.max(1, this.images);
  }

  /** @param truth index of the true class @returns the index of the class that the network gives */
  add(scores: Float32Array, truth: number): number {
    const own = scores[truth] ?? Number.NaN;
    let predicted = 0;
    let before = 0;
    for (const [index, score] of scores.entries()) {
      if (score > (scores[predicted] ?? 0)) predicted = index;
      if (score > own || (score === own && index < truth)) before++;
    }
    const isRight = predicted === truth;
    const confidence = scores[predicted] ?? 0;
    // A bin holds its upper edge, as in the paper.
    const bin = Math.min(CALIBRATION_BINS, Math.max(1, Math.ceil(confidence * CALIBRATION_BINS))) - 1;
    this.images++;
    if (isRight) this.right++;
    if (before < TOP) this.rightInTop++;
    increase(this.counts, truth * this.classes + predicted, 1);
    increase(this.binImages, bin, 1);
    increase(this.binConfidence, bin, confidence);
    increase(this.binRight, bin, isRight ? 1 : 0);
    return predicted;
  }

  report(): SingleLabelReport {
    const { images, right, classes } = this;
    const count = (truth: number, predicted: number) => this.counts[truth * classes + predicted] ?? 0;
    const indices = Array.from({ length: classes }, (_, i) => i);
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    const bins = Array.from(this.binImages, (inBin, i) => ({
      images: inBin,
      confidence: (this.binConfidence[i] ?? 0) / Math.max(1, inBin),
      accuracy: (this.binRight[i] ?? 0) / Math.max(1, inBin),
    }));
    const gaps = bins.map((bin) => bin.images * Math.abs(bin.accuracy - bin.confidence));
    const confusion = indices.flatMap((truth) =>
      indices.map((predicted) => ({ true: truth, predicted, images: count(truth, predicted) })),
    );
    return {
      images,
      right,
      top1: this.accuracy,
      top5: classes > TOP ? this.rightInTop / Math.max(1, images) : null,
      calibrationError: sum(gaps) / Math.max(1, images),
      bins,
      classes: indices.map((index) => ({
        index,
        images: sum(indices.map((predicted) => count(index, predicted))),
        right: count(index, index),
        predicted: sum(indices.map((truth) => count(truth, index))),
      })),
      confusion: confusion.filter((pair) => pair.images > 0),
    };
  }
}

const increase = (counts: Uint32Array | Float64Array, index: number, by: number): void => {
  counts[index] = (counts[index] ?? 0) + by;
};

export interface LabelReport {
  readonly index: number;
  readonly positives: number;
  readonly negatives: number;
  /** Area under the ROC curve; null where there are no positives or no negatives. */
  readonly auroc: number | null;
  /** The model's own, or 0.5; the following four are at it, null where their denominator is zero. */
  readonly threshold: number;
  readonly sensitivity: number | null;
  readonly specificity: number | null;
  readonly precision: number | null;
  readonly f1: number | null;
  /** Where sensitivity + specificity is largest (Youden's index): the least score that counts as present. */
  readonly bestThreshold: number | null;
}

/** Keeps the scores of one class, for networks that score each class by itself. */
export class LabelScore {
  private readonly entries: { readonly score: number; readonly isPresent: boolean }[] = [];

  constructor(
    private readonly index: number,
    private readonly threshold: number,
  ) {}

  add(score: number, isPresent: boolean): void {
    this.entries.push({ score, isPresent });
  }

  report(): LabelReport {
    const { index, threshold, entries } = this;
    const present = entries.filter(({ isPresent }) => isPresent);
    const positives = present.length;
    const negatives = entries.length - positives;
    const hits = present.filter(({ score }) => score >= threshold).length;
    const alarms = entries.filter(({ score, isPresent }) => !isPresent && score >= threshold).length;
    const ratio = (part: number, whole: number) => (whole === 0 ? null : part / whole);
    return {
      ...{ index, positives, negatives, threshold },
      ...rocOf(entries, positives, negatives),
      sensitivity: ratio(hits, positives),
      specificity: ratio(negatives - alarms, negatives),
      precision: ratio(hits, hits + alarms),
      f1: ratio(2 * hits, hits + alarms + positives),
    };
  }
}

/** The share of pairs of a positive and a negative that are in order; equal scores count half. */
function rocOf(
  entries: readonly { readonly score: number; readonly isPresent: boolean }[],
  positives: number,
  negatives: number,
): Pick<LabelReport, 'auroc' | 'bestThreshold'> {
  if (positives === 0 || negatives === 0) return { auroc: null, bestThreshold: null };
  const sorted = [...entries].sort((a, b) => b.score - a.score);
  let [hits, alarms, area] = [0, 0, 0];
  let best = { value: 0, threshold: Number.POSITIVE_INFINITY };
  for (let i = 0; i < sorted.length; ) {
    const score = sorted[i]?.score ?? 0;
    const [hitsBefore, alarmsBefore] = [hits, alarms];
    for (; sorted[i]?.score === score; i++) {
      if (sorted[i]?.isPresent) hits++;
      else alarms++;
    }
    area += (alarms - alarmsBefore) * (hitsBefore + hits) * 0.5;
    const value = hits / positives - alarms / negatives;
    if (value > best.value) best = { value, threshold: score };
  }
  const isUseful = Number.isFinite(best.threshold);
  return { auroc: area / (positives * negatives), bestThreshold: isUseful ? best.threshold : null };
}
