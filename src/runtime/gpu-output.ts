/** Results that stay on the GPU, in a buffer that belongs to the caller. */
import type { GpuTensor } from '../api.js';
import { assertDefined } from '../core/assert.js';
import { OptionError } from '../core/errors.js';
import { USAGE } from '../gpu/usage.js';
import { type ChannelLayout, layoutChannels } from '../model/channels.js';
import type { NetworkPlan } from '../plan/network.js';
import type { Engine } from './engine.js';
import type { Job } from './job.js';

/** A row of f32 for each image. */
type RowRegion = 'logits' | 'pooled';

/**
 * Runs a job, and copies a region's rows into a new buffer on the GPU instead of reading results back. Resolves when the
 * GPU has accepted the work. The buffer is destroyed unless the call resolves.
 *
 * @throws OutOfMemoryError; as `Engine.run`
 */
export async function keepOnGpu(engine: Engine, job: Job<unknown>, region: RowRegion): Promise<GpuTensor> {
  const { resources } = engine.session;
  const made: GPUBuffer[] = [];
  let ready: Promise<void> | undefined;
  const gpuJob: Job<GpuTensor> = {
    ...job,
    outputs: () => [],
    after(encoder, session, executable) {
      const { plan } = executable;
      const layout = layoutOf(plan, region);
      const usage = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;
      const bytes = 4 * plan.options.batch * layout.channels;
      const allocation = resources.allocate(() => resources.buffer('result', bytes, usage));
      ready = allocation.ready;
      made.push(allocation.made);
      const { buffer, offset } = session.locate(executable, region);
      for (const { from, to, count } of denseSpans(layout, plan.options.batch))
        encoder.copyBufferToBuffer(buffer, offset + 4 * from, allocation.made, 4 * to, 4 * count);
    },
    async answer({ plan }) {
      await ready;
      const data = assertDefined(made[0], 'the result');
      resources.disown(data);
      return { data, shape: [plan.options.batch, layoutOf(plan, region).channels] };
    },
  };
  try {
    return await engine.run(gpuJob);
  } catch (error) {
    resources.release(made);
    throw error;
  }
}

/** @throws OptionError for a network without a device of the caller's, or with precision `auto` */
export function checkGpuOutput(engine: Engine): void {
  if (!engine.hasOwnDevice && !engine.isAuto) return;
  const why = engine.hasOwnDevice
    ? 'the network has a device of its own: pass yours to load() as `device`'
    : "precision is 'auto', which reads results back to detect overflow: load() with 'f32' or 'f16'";
  throw new OptionError('output', `the result cannot stay on the GPU, since ${why}`);
}

const layoutOf = ({ config, pooledLayout }: NetworkPlan, region: RowRegion): ChannelLayout =>
  region === 'logits' ? layoutChannels([config.classes]) : pooledLayout;

/** A run of f32, in counts from the beginning of the region and of the dense result. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** [image][quad] of a layout to [image, channels] without gaps, in as few runs as possible. */
export function denseSpans(layout: ChannelLayout, batch: number): Span[] {
  const spans: Span[] = [];
  let to = 0;
  for (let n = 0; n < batch; n++) {
    for (const { quad, channels: count } of layout.parts) {
      const from = 4 * (n * layout.quads + quad);
      const last = spans.at(-1);
      if (last && last.from + last.count === from)
        spans.splice(-1, 1, { from: last.from, to: last.to, count: last.count + count });
      else spans.push({ from, to, count });
      to += count;
    }
  }
  return spans;
}
