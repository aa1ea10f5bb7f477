/** This package on the page of `bench --pictures`, on a device of the page's own, whose queue tells when work is done. */

import type { PictureTask, Stages } from '../../src/bench/pictures/protocol.js';
import { requestAdapter, requestDevice } from '../../src/gpu/device.js';
import type { AdapterReport, DenseNet, Prediction } from '../../src/index.js';

export interface OurPictures {
  readonly adapter: AdapterReport;
  /** The best class of a JPEG. */
  classify(jpeg: Blob): Promise<Prediction>;
  stages(jpeg: Blob): Promise<Stages>;
}

/** As this package decodes: orientation applied, colour profile and alpha left out. */
const AS_STORED = { imageOrientation: 'from-image', premultiplyAlpha: 'none', colorSpaceConversion: 'none' } as const;
const ON_GPU = { output: 'gpu-buffer' } as const;

export async function openOurs({ safetensors, preprocess, inputSize }: PictureTask): Promise<OurPictures> {
  const library: typeof import('../../src/index.js') = await import(
    new URL('dist/densenet-webgpu.js', document.baseURI).href
  );
  // As load() opens one; DenseNet-121 needs no limit beyond the defaults.
  const device = await requestDevice(await requestAdapter(navigator.gpu), {
    maxBufferSize: 0,
    maxStorageBufferBindingSize: 0,
  });
  const net = await library.DenseNet.load(new URL(safetensors, document.baseURI), { device, preprocess, inputSize });
  return {
    adapter: net.adapter,
    async classify(jpeg) {
      const [best] = await net.classify(jpeg);
      if (!best) throw new Error('there is no best class');
      return best;
    },
    stages: (jpeg) => measureStages(net, device, jpeg, inputSize),
  };
}

/**
 * Each stage by itself, and the GPU idle before it. The wait for an idle GPU, which each measurement ends with, is taken
 * off. Preprocessing is the time of a texture's features less that of a tensor's logits, both left on the GPU; reading
 * back is the time of logits that come back less that of logits that stay.
 */
async function measureStages(
  net: DenseNet,
  device: GPUDevice,
  jpeg: Blob,
  [height, width]: PictureTask['inputSize'],
): Promise<Stages> {
  const idle = () => device.queue.onSubmittedWorkDone();
  const timed = async (work: () => unknown): Promise<number> => {
    await idle();
    const began = performance.now();
    await work();
    return performance.now() - began;
  };
  const wait = await timed(() => {
    device.queue.submit([]);
    return idle();
  });
  const bitmaps: ImageBitmap[] = [];
  const decode = await timed(async () => bitmaps.push(await createImageBitmap(jpeg, AS_STORED)));
  const [bitmap] = bitmaps;
  if (!bitmap) throw new Error('nothing was decoded');
  const size = [bitmap.width, bitmap.height];
  const { TEXTURE_BINDING, COPY_SRC, COPY_DST, RENDER_ATTACHMENT } = GPUTextureUsage;
  const usage = TEXTURE_BINDING | COPY_SRC | COPY_DST | RENDER_ATTACHMENT;
  const texture = device.createTexture({ size, format: 'rgba8unorm', usage });
  const upload = await timed(() => {
    device.queue.copyExternalImageToTexture({ source: bitmap }, { texture }, size);
    return idle();
  });
  const shape = [1, 3, height, width] as const;
  const data = device.createBuffer({ size: 4 * 3 * height * width, usage: GPUBufferUsage.COPY_SRC });
  const kept = async (result: Promise<{ readonly data: GPUBuffer }>) => {
    const { data: buffer } = await result;
    await idle();
    buffer.destroy();
  };
  const fromTexture = await timed(() => kept(net.embed(texture, ON_GPU)));
  const network = await timed(() => kept(net.run({ data, shape }, ON_GPU)));
  const withReadback = await timed(() => net.run({ data, shape }));
  for (const each of [texture, data]) each.destroy();
  bitmap.close();
  const least = (milliseconds: number) => Math.max(0, milliseconds);
  return {
    decode,
    upload: least(upload - wait),
    preprocess: least(fromTexture - network),
    network: least(network - wait),
    readback: least(withReadback - (network - wait)),
  };
}
