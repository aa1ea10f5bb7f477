/**
 * Keeps the page's files, so that it works without a network. Asks the network first: the files of the cache are never
 * older than the last visit. Pictures and models of the user never pass through here.
 */
const CACHE = 'densenet-webgpu-demo';

const FILES = [
  '/',
  '/demo.js',
  '/demo.css',
  '/panels.css',
  '/charts.css',
  '/import-worker.js',
  '/icon.svg',
  '/icon-512.png',
  '/manifest.json',
  '/dist/densenet-webgpu.js',
  '/dist/densenet-webgpu.import.js',
  '/samples/index.json',
  '/weights/default.safetensors',
  '/weights/imagenet-1k.txt',
];

async function install() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES);
  const samples = await (await cache.match('/samples/index.json')).json();
  await cache.addAll(samples.map(({ file }) => `/samples/${file}`));
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  // The page is one document, whatever its parameters.
  const key = request.mode === 'navigate' ? '/' : request.url;
  try {
    const response = await fetch(request);
    if (response.ok && (await cache.match(key))) await cache.put(key, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(key);
    if (kept) return kept;
    throw error;
  }
}

addEventListener('install', (event) => event.waitUntil(install()));
addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const isOwn = origin === location.origin && request.method === 'GET' && !pathname.startsWith('/bench');
  if (isOwn) event.respondWith(answer(request));
});
