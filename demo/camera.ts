/** The camera: shows its frames until it is stopped. */
import { page } from './page.js';
import { showStatus } from './status.js';

/** Error messages by the name of the browser's error. */
const REASONS: Readonly<Record<string, string>> = {
  NotAllowedError: 'the camera was refused: allow it for this page in the browser’s settings',
  NotFoundError: 'no camera was found: connect one, or choose a picture',
  NotReadableError: 'the camera is in use by another program: close that one first',
};

let stop: (() => void) | null = null;

export const isLive = (): boolean => stop !== null;

export function stopCamera(): void {
  stop?.();
}

/** Calls `show` with one frame after another until stopped. The next frame waits until `show` has finished. */
export async function startCamera(show: (frame: ImageBitmap) => Promise<void>): Promise<void> {
  page.camera.disabled = true;
  const stream = await open();
  page.camera.disabled = false;
  if (!stream) return;
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  video.srcObject = stream;
  let isRunning = true;
  stop = () => {
    isRunning = false;
    stop = null;
    for (const track of stream.getTracks()) track.stop();
    page.camera.setAttribute('aria-pressed', 'false');
    page.camera.textContent = 'Camera';
  };
  page.camera.setAttribute('aria-pressed', 'true');
  page.camera.textContent = 'Stop the camera';
  stream.getVideoTracks()[0]?.addEventListener('ended', stopCamera);
  try {
    await video.play();
    while (isRunning) {
      const frame = await createImageBitmap(video);
      if (isRunning) await show(frame);
      await new Promise(requestAnimationFrame);
    }
  } finally {
    if (isRunning) stopCamera();
  }
}

async function open(): Promise<MediaStream | null> {
  try {
    // `mediaDevices` is missing on insecure origins.
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  } catch (error) {
    const name = error instanceof Error ? error.name : '';
    showStatus(REASONS[name] ?? 'there is no camera here: it needs https or localhost', 'error');
    return null;
  }
}
