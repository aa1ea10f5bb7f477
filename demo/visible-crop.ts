/** Which part of a picture the network sees: its preprocessing's crop, in the picture's own pixels. */
import type { PreprocessSpec } from 'densenet-webgpu';

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The whole picture where there is no crop; larger than the picture where the crop pads. */
export function seenBy(spec: PreprocessSpec | undefined, width: number, height: number): Rectangle {
  const crop = spec?.crop ?? (spec?.resize.kind === 'cover' ? spec.resize.size : null);
  if (!spec || !crop) return { x: 0, y: 0, width, height };
  const [scaleY, scaleX] = scales(spec, width, height);
  const seenWidth = crop[1] / scaleX;
  const seenHeight = crop[0] / scaleY;
  return { x: (width - seenWidth) / 2, y: (height - seenHeight) / 2, width: seenWidth, height: seenHeight };
}

/** Resized pixels per pixel of the picture. */
function scales({ resize }: PreprocessSpec, width: number, height: number): readonly [y: number, x: number] {
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
