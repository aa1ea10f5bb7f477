/** Draws the image for the user. The network reads the image itself, not this canvas. */
import { type Evidence, overlayOptions } from './evidence.js';
import { page } from './page.js';
import type { Rectangle } from './visible-crop.js';

/** From this many canvas pixels per image pixel on, pixels are drawn as squares; below it they are smoothed. */
const PIXELATED_FROM = 8;

export interface View {
  readonly bitmap: ImageBitmap;
  /** The part that the network sees, in the image's pixels. */
  readonly crop: Rectangle;
  readonly evidence: Evidence | null;
  /** The camera's video is behind the canvas, so that only the map is drawn. */
  readonly isLive: boolean;
}

/** What can be drawn on: the page's canvas, or one that is copied. */
type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export function draw(view: View): void {
  const context = page.view.getContext('2d');
  if (!context) return;
  const { width, height } = page.view;
  context.clearRect(0, 0, width, height);
  paint(context, width, height, view);
}

/** Fits the whole image into the area, with the map over the part that the network sees, and a frame around that part. */
export function paint(context: Context, areaWidth: number, areaHeight: number, view: View): void {
  const { bitmap, crop, evidence, isLive } = view;
  const { width, height } = bitmap;
  const scale = Math.min(areaWidth / width, areaHeight / height);
  const left = (areaWidth - width * scale) / 2;
  const top = (areaHeight - height * scale) / 2;
  context.imageSmoothingEnabled = scale < PIXELATED_FROM;
  context.imageSmoothingQuality = 'high';
  if (!isLive) context.drawImage(bitmap, left, top, width * scale, height * scale);
  const frame = [left + crop.x * scale, top + crop.y * scale, crop.width * scale, crop.height * scale] as const;
  if (evidence) {
    context.globalAlpha = Number(page.opacity.value);
    context.drawImage(overlayOf(evidence, frame[2], frame[3]), ...frame);
    context.globalAlpha = 1;
  }
  if (crop.width < width || crop.height < height) outline(context, frame);
}

function overlayOf(evidence: Evidence, width: number, height: number): OffscreenCanvas {
  const overlay = new OffscreenCanvas(Math.max(1, Math.round(width)), Math.max(1, Math.round(height)));
  const pixels = evidence.shown.toImageData(overlay.width, overlay.height, overlayOptions(evidence));
  overlay.getContext('2d')?.putImageData(pixels, 0, 0);
  return overlay;
}

/** A dark line beside a light one, visible on any image. */
function outline(context: Context, frame: readonly [number, number, number, number]): void {
  const [x, y, width, height] = frame;
  context.lineWidth = 2;
  context.strokeStyle = '#000';
  context.strokeRect(x, y, width, height);
  context.strokeStyle = '#fff';
  context.strokeRect(x + 2, y + 2, width - 4, height - 4);
}

/** Sets the text below the image, which screen readers get as the image's description, too. */
export function showCaption(text: string): void {
  page.caption.textContent = text;
  page.view.setAttribute('aria-label', text);
}
