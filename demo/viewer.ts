/** Draws the image for the user. The network reads the image itself, not this canvas. */
import type { Heatmap } from 'densenet-webgpu';
import { page } from './page.js';
import type { Rectangle } from './visible-crop.js';

/** From this many canvas pixels per image pixel on, pixels are drawn as squares; below it they are smoothed. */
const PIXELATED_FROM = 8;

export interface View {
  readonly bitmap: ImageBitmap;
  /** The part that the network sees, in the image's pixels. */
  readonly crop: Rectangle;
  readonly heatmap?: Heatmap | null;
}

/** Draws the whole image into the square, the map over the part that the network sees, and a frame around that part. */
export function draw({ bitmap, crop, heatmap }: View): void {
  const { view } = page;
  const context = view.getContext('2d');
  if (!context) return;
  const { width, height } = bitmap;
  const scale = Math.min(view.width / width, view.height / height);
  const left = (view.width - width * scale) / 2;
  const top = (view.height - height * scale) / 2;
  context.clearRect(0, 0, view.width, view.height);
  context.imageSmoothingEnabled = scale < PIXELATED_FROM;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, left, top, width * scale, height * scale);
  const frame = [left + crop.x * scale, top + crop.y * scale, crop.width * scale, crop.height * scale] as const;
  if (heatmap) context.drawImage(overlayOf(heatmap, frame[2], frame[3]), ...frame);
  if (crop.width < width || crop.height < height) outline(context, frame);
}

function overlayOf(heatmap: Heatmap, width: number, height: number): OffscreenCanvas {
  const overlay = new OffscreenCanvas(Math.max(1, Math.round(width)), Math.max(1, Math.round(height)));
  const { data } = heatmap.overlay(overlay.width, overlay.height);
  overlay.getContext('2d')?.putImageData(new ImageData(data, overlay.width, overlay.height), 0, 0);
  return overlay;
}

/** A dark line beside a light one, visible on any image. */
function outline(context: CanvasRenderingContext2D, frame: readonly [number, number, number, number]): void {
  const [x, y, width, height] = frame;
  context.lineWidth = 2;
  context.strokeStyle = '#000';
  context.strokeRect(x, y, width, height);
  context.strokeStyle = '#fff';
  context.strokeRect(x + 2, y + 2, width - 4, height - 4);
}

/** Sets the text below the image, and the description that a screen reader reads. */
export function showCaption(text: string, description: string): void {
  page.caption.textContent = text;
  page.view.setAttribute('aria-label', description);
}
