/**
 * The camera. The page shows its video; the network gets one frame after another, and the map of the last frame lies
 * over the video. The camera is released when it is stopped, when another picture is chosen, and in a hidden tab.
 */
import { leaveLive, showFrame } from './current.js';
import { page } from './page.js';
import { attempt, clearError, setError } from './status.js';

/** Error messages by the name of the browser's error. */
const REASONS: Readonly<Record<string, string>> = {
  NotAllowedError: 'the camera was refused: allow it for this page in the browser’s settings',
  NotFoundError: 'no camera was found: connect one, or choose a picture',
  NotReadableError: 'the camera is in use by another program: close that one first',
};

interface Live {
  readonly stream: MediaStream;
  isRunning: boolean;
}

let live: Live | null = null;
let onStarting = (): void => {};
/** Which camera to ask for: the back one first; a `deviceId` where cameras do not say which way they face. */
let wanted: MediaTrackConstraints = { facingMode: 'environment' };

/** @param onStart called when the camera starts */
export function listenToCamera(onStart: () => void): void {
  onStarting = onStart;
  page.camera.addEventListener('click', () => {
    if (live) stopCamera();
    else void startLive();
  });
  page.otherCamera.addEventListener('click', () => void switchCamera());
  document.addEventListener('visibilitychange', () => document.hidden && stopCamera());
}

export const isLive = (): boolean => live !== null;

/** Starts the camera as its button does; resolves when it runs or has failed. */
export async function startLive(): Promise<void> {
  if (live) return;
  onStarting();
  const started = new Promise<void>((resolve) =>
    page.video.addEventListener('playing', () => resolve(), { once: true }),
  );
  const ended = attempt('camera', startCamera, () => page.camera.click());
  await Promise.race([started, ended]);
}

/** Releases the camera. Its last frame stays on the page. */
export function stopCamera(): void {
  if (!live) return;
  live.isRunning = false;
  for (const track of live.stream.getTracks()) track.stop();
  live = null;
  page.video.srcObject = null;
  page.video.hidden = true;
  page.otherCamera.hidden = true;
  page.viewBox.classList.remove('mirrored');
  page.camera.setAttribute('aria-pressed', 'false');
  page.camera.textContent = 'Camera';
  leaveLive();
}

async function startCamera(): Promise<void> {
  page.camera.disabled = true;
  const stream = await open();
  page.camera.disabled = false;
  if (!stream) return;
  clearError('camera');
  const own: Live = { stream, isRunning: true };
  live = own;
  const [track] = stream.getVideoTracks();
  track?.addEventListener('ended', stopCamera);
  page.video.srcObject = stream;
  page.video.hidden = false;
  page.viewBox.classList.toggle('mirrored', track?.getSettings().facingMode === 'user');
  page.camera.setAttribute('aria-pressed', 'true');
  page.camera.textContent = 'Stop the camera';
  page.otherCamera.hidden = (await camerasOf()).length < 2;
  try {
    await page.video.play();
    while (own.isRunning) {
      const frame = await createImageBitmap(page.video);
      if (own.isRunning) await showFrame(frame);
      else frame.close();
      await new Promise(requestAnimationFrame);
    }
  } catch (error) {
    // Stopping rejects what was waiting for a frame.
    if (own.isRunning) throw error;
  } finally {
    if (own.isRunning) stopCamera();
  }
}

async function open(): Promise<MediaStream | null> {
  try {
    // `mediaDevices` is missing on insecure origins.
    return await navigator.mediaDevices.getUserMedia({ video: wanted });
  } catch (error) {
    const name = error instanceof Error ? error.name : '';
    const text = REASONS[name] ?? 'there is no camera here: it needs https or localhost';
    setError('camera', text, () => page.camera.click());
    return null;
  }
}

async function camerasOf(): Promise<readonly MediaDeviceInfo[]> {
  return (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === 'videoinput');
}

/** From back to front and back again; among cameras that do not say which way they face, the next one. */
async function switchCamera(): Promise<void> {
  const { facingMode, deviceId } = live?.stream.getVideoTracks()[0]?.getSettings() ?? {};
  const cameras = await camerasOf();
  const next = cameras[(cameras.findIndex((camera) => camera.deviceId === deviceId) + 1) % cameras.length];
  if (facingMode) wanted = { facingMode: facingMode === 'user' ? 'environment' : 'user' };
  else if (next) wanted = { deviceId: next.deviceId };
  stopCamera();
  await attempt('camera', startCamera, () => page.camera.click());
}
