/** Copies the picture with its map to the clipboard: one PNG with the label, the colour scale and the model's name. */
import { hasProbabilities } from './answer.js';
import { current } from './current.js';
import { download } from './download.js';
import { describeEvidence, overlayOptions, paintLegend } from './evidence.js';
import { logits, score } from './format.js';
import { page } from './page.js';
import { announce } from './status.js';
import { paint } from './viewer.js';

/** The longer side of the picture in the copy, in pixels. */
const [LEAST, MOST] = [512, 1024];
/** Height of the text below it. */
const FOOT = 96;

async function render(): Promise<Blob | null> {
  const { view, predictions, model } = current();
  if (!view) return null;
  const { bitmap, evidence } = view;
  const longer = Math.max(bitmap.width, bitmap.height);
  const scale = Math.min(MOST, Math.max(LEAST, longer)) / longer;
  const [width, height] = [Math.max(LEAST, Math.round(bitmap.width * scale)), Math.round(bitmap.height * scale)];
  const canvas = new OffscreenCanvas(width, height + FOOT);
  const context = canvas.getContext('2d');
  if (!context) return null;
  context.fillStyle = '#16191d';
  context.fillRect(0, 0, width, height + FOOT);
  paint(context, width, height, { ...view, isLive: false });
  const [best] = predictions;
  context.fillStyle = '#fff';
  context.font = '600 22px system-ui, sans-serif';
  if (best && model)
    context.fillText(
      `${best.label} ${score(best.probability, hasProbabilities(model.net))}`,
      16,
      height + 32,
      width - 32,
    );
  context.font = '14px system-ui, sans-serif';
  context.fillStyle = '#b9c2cb';
  if (evidence) {
    const { max, scale: kind } = overlayOptions(evidence);
    const range = `${kind === 'signed' ? logits(-max) : '0'} to ${logits(max)} logits`;
    context.fillText(`${describeEvidence(evidence)} ${range}`, 16, height + 54, width - 32);
    context.drawImage(paintLegend(width - 32, kind === 'signed' ? -1 : 0), 16, height + 62, width - 32, 6);
  }
  context.fillText(`${model?.net.metadata.name ?? model?.name ?? ''} · densenet-webgpu`, 16, height + 86, width - 32);
  return canvas.convertToBlob({ type: 'image/png' });
}

export function listenToCopy(): void {
  page.copy.addEventListener('click', async () => {
    const blob = await render();
    if (!blob) return say('There is no picture to copy yet');
    try {
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]);
      say('Copied');
    } catch {
      download(blob, 'picture.png', 'image/png');
      say('Saved: this browser does not copy pictures');
    }
  });
}

/** Milliseconds that the button shows what it has done. */
const SHOWN_MS = 2000;

function say(text: string): void {
  const before = 'Copy picture';
  page.copy.textContent = text;
  announce(text);
  setTimeout(() => {
    page.copy.textContent = before;
  }, SHOWN_MS);
}
