/** A class activation map: where in the picture the evidence for a class lies. */

/** Straight RGBA, ready for `new ImageData(data, width, height)`. */
export interface Pixels {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
}

/**
 * The exact map of Zhou et al. (CVPR 2016): DenseNet's head is linear in the average of its last feature map, so the
 * mean of `values` plus the class's bias is its logit. Row-major, `height` × `width`, in logit units.
 */
export class Heatmap {
  constructor(
    readonly classIndex: number,
    readonly label: string,
    readonly width: number,
    readonly height: number,
    readonly values: Float32Array,
  ) {}

  /**
   * The map enlarged bilinearly over the network's input (the cropped picture), as a translucent overlay: from clear
   * where there is least evidence for the class to opaque where there is most.
   *
   * @example context.putImageData(new ImageData(...Object.values(heat.overlay(224, 224))), 0, 0)
   */
  overlay(width: number, height: number): Pixels {
    const [low, high] = extent(this.values);
    const range = high - low || 1;
    const data = new Uint8ClampedArray(width * height * 4);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const value = this.sample(((x + 0.5) / width) * this.width - 0.5, ((y + 0.5) / height) * this.height - 0.5);
        data.set(colour((value - low) / range), (y * width + x) * 4);
      }
    }
    return { data, width, height };
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

function extent(values: Float32Array): [low: number, high: number] {
  return [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
}

/** Violet over orange to yellow, brighter and more opaque with the evidence `t` in 0…1. */
function colour(t: number): [number, number, number, number] {
  return [90 + 165 * Math.min(1, 1.6 * t), 20 + 225 * t * t, 140 * (1 - t), 210 * t];
}
