/** Fetches a file by its address. The request goes from this browser to the file's own server, and nowhere else. */
import { DownloadError } from 'densenet-webgpu';

/** The last part of an address, or its host. */
export function nameOf(url: string): string {
  const { pathname, host } = new URL(url);
  const last = pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last) || host;
  } catch {
    return last;
  }
}

/** @throws DownloadError that says what to do when the server does not give the file to other pages */
export async function fetchFile(url: string): Promise<Blob> {
  const { host } = new URL(url);
  const response = await fetch(url, { mode: 'cors', credentials: 'omit', referrerPolicy: 'no-referrer' }).catch(() => {
    const why = 'no CORS permission, or no connection';
    throw new DownloadError(url, null, `${host} did not give the file to this page (${why}): save it and drop it here`);
  });
  const { ok, status } = response;
  if (!ok) throw new DownloadError(url, status, `${host} answered with status ${status}: check the address`);
  return response.blob();
}
