/** The demo page's camera, in Chrome. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { answered, closeDemo, type Demo, DemoPages, openDemo, said, shoot } from './demo-page.js';

/** A camera that films a sample picture. */
const CAMERA = `navigator.mediaDevices.getUserMedia = async () => {
  const picture = await createImageBitmap(await (await fetch('/samples/frog.png')).blob());
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [picture.width, picture.height];
  const draw = () => { canvas.getContext('2d').drawImage(picture, 0, 0); requestAnimationFrame(draw); };
  draw();
  return canvas.captureStream(10);
}`;

/** Keeps what the browser's own camera gives where the test finds it. */
const KEEP_STREAM = `const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => globalThis.stream = await open(wanted)`;

/** Counts the frames that are taken from a video. */
const COUNT_FRAMES = `globalThis.frames = 0;
const decode = createImageBitmap;
globalThis.createImageBitmap = (source, ...rest) => {
  if (source instanceof HTMLVideoElement) frames++;
  return decode(source, ...rest);
}`;

/** A phone: a camera at the back, one at the front. */
const TWO_CAMERAS = `globalThis.asked = [];
globalThis.streams = [];
navigator.mediaDevices.enumerateDevices = async () => ['a', 'b'].map((deviceId) => ({ kind: 'videoinput', deviceId }));
navigator.mediaDevices.getUserMedia = async (wanted) => {
  asked.push(wanted);
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  const draw = () => { context.fillRect(0, 0, 9, 9); requestAnimationFrame(draw); };
  draw();
  const stream = canvas.captureStream(10);
  stream.getVideoTracks()[0].getSettings = () => wanted.video;
  streams.push(stream);
  return stream;
}`;

describe.skipIf(!findBrowser('chrome'))('the camera', () => {
  let demo: Demo;
  const pages = new DemoPages(() => demo);
  const fresh = (before: string) => pages.fresh(before);

  beforeAll(async () => {
    demo = await openDemo();
  });
  afterEach(async () => {
    expect(await pages.complaints()).toEqual([]);
  });
  afterAll(async () => {
    await closeDemo(demo);
  });

  it('shows the camera’s video with the map over it, until it is stopped', async () => {
    const page = await fresh(CAMERA);
    await page.click('#heat');
    await page.waitForSelector('#evidence:not([hidden])');
    await page.click('#camera');
    await answered(page, 'frog');
    await page.waitForFunction("/Evidence for frog/.test(document.getElementById('caption').textContent)");
    expect(await page.$eval('#camera', (button) => button.getAttribute('aria-pressed'))).toBe('true');
    expect(
      await page.$eval('#video', (video) => video instanceof HTMLVideoElement && !video.hidden && !video.paused),
    ).toBe(true);
    // The canvas has the map alone: its corner, where nothing speaks for a frog, is clear.
    const alphaOfCorner = () =>
      page.$eval('#view', (view) => {
        const context = view instanceof HTMLCanvasElement ? view.getContext('2d') : null;
        return context?.getImageData(2, 2, 1, 1).data[3];
      });
    expect(await alphaOfCorner()).toBe(0);
    await shoot(page, 'camera');
    await page.click('#camera');
    await page.waitForSelector('#camera[aria-pressed="false"]');
    expect(await page.$eval('#video', (video) => video.hasAttribute('hidden'))).toBe(true);
    expect(await alphaOfCorner(), 'the last frame stays').toBe(255);
    await page.click('#samples li:nth-child(2) button');
    await answered(page, 'ship');
  });

  it('looks at frame after frame of Chrome’s own camera, which it releases when a picture is chosen', async () => {
    const page = await fresh(`${KEEP_STREAM}; ${COUNT_FRAMES}`);
    await page.click('#camera');
    await page.waitForFunction("document.getElementById('caption').textContent === 'Camera.'");
    await page.waitForFunction('frames > 2');
    await page.click('#samples li:nth-child(2) button');
    await answered(page, 'ship');
    expect(await page.$eval('#camera', (button) => button.getAttribute('aria-pressed'))).toBe('false');
    expect(await page.evaluate('stream.getTracks().map(({ readyState }) => readyState)')).toEqual(['ended']);
  });

  it('switches to another camera, and releases it in a hidden tab', async () => {
    const page = await fresh(TWO_CAMERAS);
    await page.click('#camera');
    await page.waitForSelector('#other-camera:not([hidden])');
    expect(await page.evaluate('asked.at(-1).video.facingMode')).toBe('environment');
    await page.click('#other-camera');
    await page.waitForFunction("asked.at(-1).video.facingMode === 'user'");
    await page.waitForSelector('#view-box.mirrored');
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { value: true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await page.waitForSelector('#camera[aria-pressed="false"]');
    expect(await page.evaluate('streams.flatMap((s) => s.getTracks()).every((t) => t.readyState === "ended")')).toBe(
      true,
    );
  });

  it('says why there is no camera', async () => {
    const refuse = `navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); }`;
    const page = await fresh(refuse);
    await page.click('#camera');
    await said(page, /the camera was refused: allow it/);
  });
});
