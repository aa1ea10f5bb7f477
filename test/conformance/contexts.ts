/** The contexts of a browser: the files that run the suite in each and leave its report on the page. */
import type { Extent } from './lab.js';

export const CONTEXTS = ['page', 'plain script', 'module worker', 'classic worker', 'service worker'] as const;
export type Context = (typeof CONTEXTS)[number];

/** The query says how much to run; pages pass it on to their workers. */
const SITE = 'gpu: navigator.gpu, origin: location.origin, extent: decodeURIComponent(location.search.slice(1))';
const IMPORTS = `import * as densenet from '/dist/densenet-webgpu.js'; import { conform } from '/suite.js';`;
/** Service workers may not `import()`. */
const WHOLE = IMPORTS.replace('densenet-webgpu.js', 'densenet-webgpu.whole.js');
const MODULE = `conform({ densenet, ${SITE} })`;
const SCRIPTS = ['/dist/densenet-webgpu.iife.js', '/suite.iife.js'];
const SCRIPT = `conformance.conform({ densenet: DenseNetWebGPU, ${SITE} })`;

/** A page whose `report` is what the worker posts, or the error that keeps it from starting. */
const listenTo = (worker: string): string => `globalThis.report = new Promise((resolve, reject) => {
  const worker = ${worker};
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message || 'the worker did not start'));
})`;

const SERVICE = `globalThis.report = new Promise((resolve, reject) => {
  navigator.serviceWorker.onmessage = ({ data }) => resolve(data);
  navigator.serviceWorker.register('/service-worker.js' + location.search, { type: 'module' })
    .then(() => navigator.serviceWorker.ready)
    .then(({ active }) => active.postMessage('conform'))
    .catch(reject);
})`;

/** Scripts of the pages and workers, by URL. No inline scripts: everything runs under a strict CSP. */
const SCRIPT_FILES: Readonly<Record<string, string>> = {
  '/page.js': `${IMPORTS} globalThis.report = ${MODULE}`,
  '/plain-script.js': `globalThis.report = ${SCRIPT}`,
  '/module-worker-page.js': listenTo(`new Worker('/module-worker.js' + location.search, { type: 'module' })`),
  '/module-worker.js': `${IMPORTS} postMessage(await ${MODULE})`,
  '/classic-worker-page.js': listenTo(`new Worker('/classic-worker.js' + location.search)`),
  '/classic-worker.js': `importScripts(${SCRIPTS.map((url) => `'${url}'`).join()}); ${SCRIPT}.then(postMessage)`,
  '/service-worker-page.js': SERVICE,
  '/service-worker.js': `${WHOLE} addEventListener('message', (event) => {
    event.waitUntil(${MODULE}.then((report) => event.source.postMessage(report)));
  })`,
};

const html = (title: string, scripts: string): string =>
  `<!doctype html><meta charset="utf-8"><title>${title}</title>${scripts}`;
const classic = (url: string): string => `<script src="${url}"></script>`;
const module = (url: string): string => `<script type="module" src="${url}"></script>`;

const pageOf = (context: Context): string => `/${context.replace(' ', '-')}.html`;

/** The address of a context's page. */
export const addressOf = (context: Context, extent: Extent): string =>
  `${pageOf(context)}?${encodeURIComponent(extent)}`;

/** All files to serve except the bundles and the fixtures. */
export function contextFiles(): Map<string, string> {
  const pages: Readonly<Record<Context, string>> = {
    page: module('/page.js'),
    'plain script': [...SCRIPTS, '/plain-script.js'].map(classic).join(''),
    'module worker': module('/module-worker-page.js'),
    'classic worker': module('/classic-worker-page.js'),
    'service worker': module('/service-worker-page.js'),
  };
  return new Map([
    ['/favicon.ico', ''],
    ...CONTEXTS.map((context): [string, string] => [pageOf(context), html(context, pages[context])]),
    ...Object.entries(SCRIPT_FILES),
  ]);
}
