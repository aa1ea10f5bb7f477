/** A class activation map: which parts of an image speak for or against a class. */
import { ImageError } from '../core/errors.js';
import { checkOptions } from './options.js';

/** Straight RGBA, ready for `new ImageData(data, width, height)`. */
export interface Pixels {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
}

export interface OverlayOptions {
  /**
   * `positive` colours only what speaks for the class: violet, orange, yellow. `signed` also colours what speaks
   * against it, in blue. Zero is always transparent. Default `positive`.
   */
  readonly scale?: 'positive' | 'signed';
  /**
   * The value that gets the full colour, in logits. Default: the largest magnitude in the map. To compare the maps of
   * several classes, pass one value to all of them, such as the `peak` of the best class.
   */
  readonly max?: number;
}

/**
 * The exact map of Zhou et al. (CVPR 2016). DenseNet's head is linear in the average of its last feature map, so the
 * mean of `values` plus the class's bias is the class's logit. `values` is row-major, `height` × `width`, in logits.
 */
export class Heatmap {
  constructor(
    readonly classIndex: number,
    readonly label: string,
    readonly width: number,
    readonly height: number,
    readonly values: Float32Array,
  ) {}

  /** The largest value: how strongly one place speaks for the class. Zero or less: no place does. */
  get peak(): number {
    return this.values.reduce((a, b) => Math.max(a, b), -Infinity);
  }

  /** The largest magnitude: how strongly one place speaks for or against the class. */
  get magnitude(): number {
    return this.values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  }

  /**
   * The map, enlarged bilinearly, as a translucent overlay for the cropped image that the network saw.
   *
   * @throws OptionError for sides that are no whole numbers from 1 to 16384, or options that are not allowed
   */
  overlay(width: number, height: number, options: OverlayOptions = {}): Pixels {
    checkOptions('overlay', { width, height, ...options });
    const { scale = 'positive', max = this.magnitude || 1 } = options;
    const floor = scale === 'signed' ? -1 : 0;
    const data = new Uint8ClampedArray(width * height * 4);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const value = this.sample(((x + 0.5) / width) * this.width - 0.5, ((y + 0.5) / height) * this.height - 0.5);
        data.set(heatColor(Math.min(1, Math.max(floor, value / max))), (y * width + x) * 4);
      }
    }
    return { data, width, height };
  }

  /**
   * The overlay as an `ImageData`; without sizes, one pixel for each value.
   *
   * @throws ImageError outside browsers, which have no `ImageData`; OptionError as `overlay`
   * @example context.putImageData(heatmap.toImageData(224, 224), 0, 0)
   */
  toImageData(width = this.width, height = this.height, options: OverlayOptions = {}): ImageData {
    if (typeof ImageData === 'undefined') {
      throw new ImageError('there is no ImageData outside browsers: call overlay(), which returns plain pixels');
    }
    return new ImageData(this.overlay(width, height, options).data, width, height);
  }

  /** Bilinear, edges repeated. */
  private sample(x: number, y: number): number {
    const [x0, y0] = [Math.floor(x), Math.floor(y)];
    const [fx, fy] = [x - x0, y - y0];
    const top = this.at(x0, y0) * (1 - fx) + this.at(x0 + 1, y0) * fx;
    const bottom = this.at(x0, y0 + 1) * (1 - fx) + this.at(x0 + 1, y0 + 1) * fx;
    return top * (1 - fy) + bottom * fy;
  }

  private at(x: number, y: number): number {
    const column = Math.min(Math.max(x, 0), this.width - 1);
    const row = Math.min(Math.max(y, 0), this.height - 1);
    return this.values[row * this.width + column] ?? 0;
  }
}

/**
 * The colour of a value in −1…1 as straight RGBA. Zero is transparent; the opacity grows with the magnitude. Positive
 * values go from violet over orange to yellow, negative ones are blue.
 */
export function heatColor(t: number): readonly [red: number, green: number, blue: number, alpha: number] {
  if (t < 0) return [0, 70, 255, -225 * t];
  return [90 + 165 * Math.min(1, 1.6 * t), 20 + 225 * t * t, 140 * (1 - t), 210 * t];
}
