/** The part of an image that the network sees: the crop of its preprocessing, in the image's own pixels. */
import type { PreprocessSpec } from 'densenet-webgpu';

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Returns the whole image when there is no crop, and a rectangle larger than the image when the crop pads it. */
export function visibleCrop(spec: PreprocessSpec | undefined, width: number, height: number): Rectangle {
  const crop = spec?.crop ?? (spec?.resize.kind === 'cover' ? spec.resize.size : null);
  if (!spec || !crop) return { x: 0, y: 0, width, height };
  const [scaleY, scaleX] = resizeScales(spec, width, height);
  const cropWidth = crop[1] / scaleX;
  const cropHeight = crop[0] / scaleY;
  return { x: (width - cropWidth) / 2, y: (height - cropHeight) / 2, width: cropWidth, height: cropHeight };
}

/** Resized pixels per pixel of the image. */
function resizeScales({ resize }: PreprocessSpec, width: number, height: number): readonly [y: number, x: number] {
  switch (resize.kind) {
    case 'none':
      return [1, 1];
    case 'exact':
      return [resize.size[0] / height, resize.size[1] / width];
    case 'cover': {
      const scale = Math.max(resize.size[0] / height, resize.size[1] / width);
      return [scale, scale];
    }
    case 'shorterSide': {
      const scale = resize.size / Math.min(width, height);
      return [scale, scale];
    }
  }
}
