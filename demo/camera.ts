/** The camera: shows its frames until it is stopped. */
import { showFrame } from './current.js';
import { page } from './page.js';
import { attempt, clearError, setError } from './status.js';

/** Error messages by the name of the browser's error. */
const REASONS: Readonly<Record<string, string>> = {
  NotAllowedError: 'the camera was refused: allow it for this page in the browser’s settings',
  NotFoundError: 'no camera was found: connect one, or choose a picture',
  NotReadableError: 'the camera is in use by another program: close that one first',
};

let stop: (() => void) | null = null;

export function stopCamera(): void {
  stop?.();
}

/** @param onStart called when the camera starts */
export function listenToCamera(onStart: () => void): void {
  page.camera.addEventListener('click', () => {
    if (stop) return stopCamera();
    onStart();
    void attempt('camera', startCamera, () => page.camera.click());
  });
}

/** Shows one frame after another until stopped. The next frame waits until the last one is answered. */
async function startCamera(): Promise<void> {
  page.camera.disabled = true;
  const stream = await open();
  page.camera.disabled = false;
  if (!stream) return;
  clearError('camera');
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
      if (isRunning) await showFrame(frame);
      else frame.close();
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
    const text = REASONS[name] ?? 'there is no camera here: it needs https or localhost';
    setError('camera', text, () => page.camera.click());
    return null;
  }
}
