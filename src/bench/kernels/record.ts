/** Records a peer's kernels in Chrome, whose adapter is presented as a given vendor's GPU. */
import { openBrowserPeers } from '../browser-peers.js';
import { caseFiles } from '../case-files.js';
import type { Disguise } from '../disguise.js';
import type { PeerName } from '../peer.js';
import type { RecordedPipeline } from '../recorder.js';
import { modelBytes } from '../run-case.js';
import { readTflite, skipReason, tfliteFile } from '../skipped.js';
import type { Network } from './planned.js';

const TIMEOUT_MS = 600_000;

/**
 * The pipelines of one warm inference, with their dispatches.
 *
 * @param tflite the folder of `.tflite` files
 * @throws Error with the peer's own message, or what it lacks
 */
export async function recordPeer(
  peer: PeerName,
  vendor: Disguise,
  { arch: model, batch }: Network,
  tflite: string,
): Promise<RecordedPipeline[]> {
  const path = tfliteFile({ model, batch }, tflite);
  const reason = skipReason(peer, path, vendor);
  if (reason !== null) throw new Error(`${peer} cannot be recorded: ${reason}`);
  const files = caseFiles(modelBytes({ model, batch }), batch, readTflite(path));
  const peers = await openBrowserPeers('chrome', files, { timeoutMs: TIMEOUT_MS, as: vendor });
  try {
    const client = await peers.open(peer, '&record');
    const { shape, config } = files;
    await client.call('cold', { peer, shape, classes: config.classes, files: peers.files, threads: 1 });
    return await client.call('record', null);
  } finally {
    await peers.close();
  }
}
