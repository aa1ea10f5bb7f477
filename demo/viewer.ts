/** The picture on the page: only for the eye, the network reads the picture itself. */
import type { Heatmap } from 'densenet-webgpu';
import { page } from './page.js';
import type { Rectangle } from './visible-crop.js';

/** Below this many canvas pixels per picture pixel the eye wants smoothing; above it, to see the pixels. */
const PIXELATED = 8;

export interface Shown {
  readonly picture: ImageBitmap;
  /** The part that the network sees, in the picture's pixels. */
  readonly seen: Rectangle;
  readonly heat?: Heatmap | null;
}

/** The whole picture fitted into the square, the evidence over what the network sees, and a frame around that. */
export function draw({ picture, seen, heat }: Shown): void {
  const { view } = page;
  const context = view.getContext('2d');
  if (!context) return;
  const { width, height } = picture;
  const scale = Math.min(view.width / width, view.height / height);
  const left = (view.width - width * scale) / 2;
  const top = (view.height - height * scale) / 2;
  context.clearRect(0, 0, view.width, view.height);
  context.imageSmoothingEnabled = scale < PIXELATED;
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, left, top, width * scale, height * scale);
  const frame = [left + seen.x * scale, top + seen.y * scale, seen.width * scale, seen.height * scale] as const;
  if (heat) context.drawImage(overlayOf(heat, frame[2], frame[3]), ...frame);
  if (seen.width < width || seen.height < height) outline(context, frame);
}

function overlayOf(heat: Heatmap, width: number, height: number): OffscreenCanvas {
  const overlay = new OffscreenCanvas(Math.max(1, Math.round(width)), Math.max(1, Math.round(height)));
  const { data } = heat.overlay(overlay.width, overlay.height);
  overlay.getContext('2d')?.putImageData(new ImageData(data, overlay.width, overlay.height), 0, 0);
  return overlay;
}

/** Dark and light beside each other, to be seen on any picture. */
function outline(context: CanvasRenderingContext2D, frame: readonly [number, number, number, number]): void {
  const [x, y, width, height] = frame;
  context.lineWidth = 2;
  context.strokeStyle = '#000';
  context.strokeRect(x, y, width, height);
  context.strokeStyle = '#fff';
  context.strokeRect(x + 2, y + 2, width - 4, height - 4);
}

/** What stands below the picture, and what a screen reader hears of it. */
export function caption(text: string, description: string): void {
  page.caption.textContent = text;
  page.view.setAttribute('aria-label', description);
}
