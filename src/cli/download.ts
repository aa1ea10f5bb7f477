/** Downloads a file in Node, with progress on stderr. */
import { DownloadError } from '../core/errors.js';
import { progressBar } from './terminal.js';

/**
 * @param title the name to show beside the progress
 * @throws DownloadError when there is no such file, or the connection fails
 */
export async function download(url: string, title: string): Promise<Uint8Array> {
  const failed = (cause: unknown) => {
    const message = `${url} could not be downloaded (${cause instanceof Error ? cause.message : cause}): check the network`;
    return new DownloadError(url, null, message, { cause });
  };
  const response = await fetch(url).catch((cause: unknown) => {
    throw failed(cause);
  });
  const { ok, status, statusText, headers, body } = response;
  if (!ok) throw new DownloadError(url, status, `${url} answered ${status} ${statusText}: check the address`);
  // The length of a compressed transfer is not that of the file.
  const total = headers.get('content-encoding') === null ? Number(headers.get('content-length') ?? 0) : 0;
  const progress = progressBar(title);
  const chunks: Uint8Array[] = [];
  let received = 0;
  try {
    for await (const chunk of body ?? []) {
      chunks.push(chunk);
      received += chunk.length;
      progress(received, total);
    }
  } catch (cause) {
    throw failed(cause);
  }
  return Buffer.concat(chunks);
}
