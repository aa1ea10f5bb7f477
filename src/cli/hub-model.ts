/** `hf:` ids for commands: a model of the Hugging Face Hub, with what the Hub says of it. */

import { Fields, number, text } from '../core/json.js';
import { decodeMetadata, encodeMetadata } from '../model/metadata.js';
import type { ModelMetadata } from '../model/model.js';
import { readSource } from '../runtime/download.js';
import { openHub } from '../runtime/hub.js';
import { readSafetensors, writeSafetensors } from '../tensor/safetensors.js';
import { imagenetLabels } from './catalog.js';
import { progressBar } from './progress.js';

/**
 * Downloads model.safetensors from the endpoint that the environment's HF_ENDPOINT names, as in Hugging Face's own tools.
 *
 * @throws as `openHub`; DownloadError
 */
export async function downloadHubModel(id: string): Promise<{ bytes: Uint8Array; metadata: ModelMetadata }> {
  const endpoint = process.env.HF_ENDPOINT?.replace(/\/+$/, '');
  const { url, metadata, config } = await openHub(id, endpoint ? { hub: endpoint } : {});
  const bytes = await readSource(url, progressBar(id));
  const labels = metadata.labels ?? labelsOfImagenet(config);
  return { bytes, metadata: { ...metadata, ...(labels ? { labels } : {}), provenance: url } };
}

/** The same as one model file, for commands that hand it on. */
export async function readHubModel(id: string): Promise<Uint8Array> {
  const { bytes, metadata: known } = await downloadHubModel(id);
  const { tensors, metadata } = readSafetensors(bytes);
  return writeSafetensors([...tensors.values()], encodeMetadata({ ...known, ...decodeMetadata(metadata) }));
}

/** timm leaves the class names of ImageNet-1k out; its tag says when they are those. */
function labelsOfImagenet(config: unknown): readonly string[] | null {
  const pretrained = new Fields(config ?? {}, 'config').optional(
    'pretrained_cfg',
    (v, path) => new Fields(v, path),
    null,
  );
  const isImagenet = pretrained?.optional('tag', text, '').endsWith('in1k');
  return isImagenet && pretrained?.optional('num_classes', number, null) === 1000 ? imagenetLabels() : null;
}
