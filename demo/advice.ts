/** Tells the user how to get WebGPU: one row per browser, the user's own first. */
import { WebGPUUnavailableError } from 'densenet-webgpu';
import { make } from './dom.js';
import { page } from './page.js';

interface Row {
  readonly browser: string;
  /** Matches the user agent; decides only the order of the rows. */
  readonly agent: RegExp;
  readonly advice: string;
}

/** The browser has no WebGPU: versions in which it is on by default. */
const NO_WEBGPU: readonly Row[] = [
  {
    browser: 'Safari',
    agent: /iPhone|iPad|Version\/.*Safari/,
    advice:
      'Version 26 or newer (macOS Tahoe, iOS 26). In Safari 18: Settings, Apps, Safari, Advanced, Feature Flags, WebGPU.',
  },
  {
    browser: 'Firefox',
    agent: /Firefox/,
    advice:
      'Version 141 or newer on Windows, 145 or newer on a Mac with Apple silicon. Elsewhere: about:config, set dom.webgpu.enabled to true.',
  },
  {
    browser: 'Chrome, Edge on Android',
    agent: /Android.*Chrome/,
    advice: 'Version 121 or newer, on Android 12 or newer.',
  },
  {
    browser: 'Chrome, Edge on Linux',
    agent: /Linux.*Chrome/,
    advice:
      'Version 144 or newer with an Intel GPU, 147 or newer with an NVIDIA GPU. Elsewhere: open chrome://flags/#enable-unsafe-webgpu, choose Enabled, and restart the browser.',
  },
  { browser: 'Chrome, Edge', agent: /Chrome/, advice: 'Version 113 or newer, on Windows or macOS.' },
];

/** The browser has WebGPU, but offers no adapter. */
const NO_ADAPTER: readonly Row[] = [
  {
    browser: 'Chrome, Edge',
    agent: /Chrome/,
    advice:
      'Settings, System: turn on graphics acceleration and restart. The page chrome://gpu says what the browser found; chrome://flags/#enable-unsafe-webgpu lets it use drivers that it holds back.',
  },
  {
    browser: 'Firefox',
    agent: /Firefox/,
    advice: 'Settings, General, Performance: turn on hardware acceleration. The page about:support says what it found.',
  },
  { browser: 'Any', agent: /^$/, advice: 'Update the graphics driver. Remote desktops often have no GPU to offer.' },
];

const INSECURE: Row = {
  browser: 'Address',
  agent: /./,
  advice:
    'This page came over plain http from another computer, where no browser offers WebGPU: use https or localhost.',
};

/**
 * Shows the rows that fit the error, for errors about WebGPU.
 *
 * @returns the error to show: the library's own also speaks to programmers
 */
export function showWebGpuAdvice(error: unknown): unknown {
  if (!(error instanceof WebGPUUnavailableError)) return error;
  const isMissing = error.reason === 'no-webgpu';
  const rows = isMissing ? NO_WEBGPU : NO_ADAPTER;
  const here = rows.find(({ agent }) => agent.test(navigator.userAgent));
  const sorted = [...(isSecureContext ? [] : [INSECURE]), ...rows.filter((row) => row === here), ...rows];
  page.adviceList.replaceChildren(
    ...[...new Set(sorted)].flatMap((row) => [
      make('dt', { className: row === here ? 'here' : '' }, row.browser),
      make('dd', {}, row.advice),
    ]),
  );
  page.advice.hidden = false;
  page.answerNote.textContent = 'Without WebGPU there is no answer.';
  const text = isMissing
    ? 'this browser has no WebGPU: the table says which browsers have it'
    : 'this browser has WebGPU, but no GPU for it: the table says what to do';
  return new WebGPUUnavailableError(error.reason, text, { cause: error });
}
