/** `hf:OWNER/NAME@REVISION` as a model's source: the bundle that talks to the Hub is fetched when one is met. */

import { AbortedError, DownloadError, ModelFormatError } from '../core/errors.js';
import { apart } from './apart.js';
import type { HubModel, HubOptions } from './hub.js';

export const isHubId = (source: unknown): source is string => typeof source === 'string' && source.startsWith('hf:');

/**
 * @throws DownloadError when there is no such repository, it is gated, or it has no model.safetensors; ModelFormatError
 * for an id of another form, for another architecture, and naming a setting that cannot be had; AbortedError
 */
export async function openHub(id: string, options: HubOptions): Promise<HubModel> {
  const { signal } = options;
  const { askHub } = await apart('densenet-webgpu-hub.js', id, import('./hub.js'), signal);
  const answer = await askHub(id, options).catch((cause: unknown) => {
    throw signal?.aborted ? new AbortedError('load()', { cause }) : cause;
  });
  if ('unfit' in answer) throw new ModelFormatError(answer.unfit, { format: 'hub' });
  if ('refused' in answer) throw new DownloadError(id, answer.status, answer.refused);
  return answer;
}
