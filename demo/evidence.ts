/** The class activation map beside the image: its colour scale in logits, the raw map, and what it shows in words. */
import type { Heatmap, OverlayOptions } from 'densenet-webgpu';
import { heatColor } from '../src/runtime/heatmap.js';
import { logits } from './format.js';
import { page } from './page.js';

/** The map of the class that the user looks at, and the map of the best class, which sets the scale for all classes. */
export interface Evidence {
  readonly shown: Heatmap;
  readonly best: Heatmap;
}

/** Maps whose peak is below this share of the scale show almost nothing. */
const FAINT = 0.05;

const isSigned = (): boolean => page.heatScale.value === 'signed';

/** The same for all classes of an image, so that their maps can be compared. */
export function overlayOptions({ best }: Evidence): Required<OverlayOptions> {
  const { peak, magnitude } = best;
  if (isSigned()) return { scale: 'signed', max: magnitude || 1 };
  return { scale: 'positive', max: (peak > 0 ? peak : magnitude) || 1 };
}

/** What the map shows, in one sentence. */
export function describeEvidence({ shown, best }: Evidence): string {
  const { label, peak } = shown;
  if (peak <= 0) return `Nothing here speaks for ${label}.`;
  if (peak >= FAINT * best.peak) return `Evidence for ${label}.`;
  return `Almost nothing here speaks for ${label}: at most ${logits(peak)}, where ${best.label} has ${logits(best.peak)}.`;
}

/** Draws the legend and the raw map; hides both without evidence. */
export function showEvidence(evidence: Evidence | null): void {
  page.evidence.hidden = evidence === null;
  if (!evidence) return;
  const { shown } = evidence;
  const { scale, max } = overlayOptions(evidence);
  const low = scale === 'signed' ? -max : 0;
  page.legend.getContext('2d')?.clearRect(0, 0, page.legend.width, 1);
  page.legend.getContext('2d')?.drawImage(paintLegend(page.legend.width, low / max), 0, 0);
  const isClipped = shown.peak > 1.005 * max;
  page.legendLow.textContent = logits(low);
  page.legendZero.textContent = scale === 'signed' ? '0' : '';
  page.legendHigh.textContent = `${logits(max)} logits${isClipped ? ' and more' : ''}`;
  page.legend.setAttribute('aria-label', `Colour scale from ${logits(low)} to ${logits(max)} logits`);
  const { rawMap } = page;
  [rawMap.width, rawMap.height] = [shown.width, shown.height];
  rawMap.getContext('2d')?.putImageData(shown.toImageData(shown.width, shown.height, { scale, max }), 0, 0);
  const least = shown.values.reduce((a, b) => Math.min(a, b), Infinity);
  rawMap.setAttribute(
    'aria-label',
    `Raw map for ${shown.label}, from ${logits(least)} to ${logits(shown.peak)} logits`,
  );
  page.rawMapSize.textContent = `${shown.width} × ${shown.height}: ${logits(least)} to ${logits(shown.peak)}`;
}

/** The colours of the scale, one pixel high. @param low the left end, −1 or 0; the right end is 1 */
export function paintLegend(width: number, low: number): OffscreenCanvas {
  const legend = new OffscreenCanvas(width, 1);
  const pixels = new ImageData(width, 1);
  for (let x = 0; x < width; x++) pixels.data.set(heatColor(low + ((1 - low) * x) / (width - 1)), 4 * x);
  legend.getContext('2d')?.putImageData(pixels, 0, 0);
  return legend;
}

/** Calls `redraw` when the user changes the colours or the opacity. */
export function listenToEvidence(redraw: () => void): void {
  page.heatScale.addEventListener('change', redraw);
  page.opacity.addEventListener('input', redraw);
}
