/**
 * Keeps models in the browser's Cache API, so that a visitor downloads a model once and can use it offline.
 *
 * A model is kept under its URL after all of it has been read and checked: a broken download is never served. It is used
 * again while the server names the same ETag or, without one, the same Last-Modified; where the caller gives a hash, the
 * hash decides and the server is not asked.
 */
import { CacheError } from '../core/errors.js';
import type { Validators } from './download.js';

const CACHE_NAME = 'densenet-webgpu/models/1';

/** The page's caches; null where there are none: over http, in a sandboxed frame, in Node. */
function pageCaches(): CacheStorage | null {
  try {
    return globalThis.caches ?? null;
  } catch {
    return null; // the page's storage is blocked
  }
}

/** Deletes every model that is kept. */
export async function clearModelCache(): Promise<void> {
  await pageCaches()?.delete(CACHE_NAME);
}

/**
 * The model that is kept for a URL; null when there is none, or when the server has another one now.
 *
 * @param isPinned whether the caller gives a hash
 */
export async function readCachedModel(
  url: string,
  isPinned: boolean,
  signal?: AbortSignal,
): Promise<Uint8Array | null> {
  const kept = await (await pageCaches()?.open(CACHE_NAME))?.match(url);
  if (!kept) return null;
  if (!isPinned && !(await isCurrent(url, kept.headers, signal))) return null;
  return new Uint8Array(await kept.arrayBuffer());
}

/** Whether the server still has the same file. True while it cannot be asked: the visitor is offline. */
async function isCurrent(url: string, kept: Headers, signal?: AbortSignal): Promise<boolean> {
  const response = await fetch(url, { method: 'HEAD', cache: 'no-cache', signal: signal ?? null }).catch(() => null);
  if (!response) return true;
  if (!response.ok) return false;
  const validator = kept.get('etag') ? 'etag' : 'last-modified';
  return kept.get(validator) !== null && kept.get(validator) === response.headers.get(validator);
}

/** @throws CacheError where there is no cache, and when the browser refuses: its quota is spent */
export async function keepModel(url: string, file: Blob, validators: Validators): Promise<void> {
  const storage = pageCaches();
  if (!storage) throw new CacheError(url, 'there is no Cache API here (it needs https or localhost)');
  try {
    const cache = await storage.open(CACHE_NAME);
    await cache.put(url, new Response(file, { headers: { ...validators } }));
  } catch (cause) {
    throw new CacheError(url, cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
