/** transformers.js on the page of `bench --pictures`: its image-classification pipeline with ONNX Runtime's WebGPU. */
import type { Stages } from '../../src/bench/pictures/protocol.js';

interface Best {
  /** `LABEL_` and the index. */
  readonly label: string;
  readonly score: number;
}

interface Disposable {
  dispose(): void;
}

/** What this page uses of the pipeline. */
interface Pipeline {
  (image: Blob, options: { readonly top_k: number }): Promise<Best[]>;
  processor(image: unknown): Promise<{ readonly pixel_values: Disposable }>;
  model(inputs: { readonly pixel_values: Disposable }): Promise<{ readonly logits: Disposable }>;
}

interface Library {
  readonly env: {
    allowRemoteModels: boolean;
    allowLocalModels: boolean;
    localModelPath: string;
    useBrowserCache: boolean;
    readonly backends: { readonly onnx: { readonly wasm: { wasmPaths: string } } };
  };
  readonly RawImage: { read(image: Blob): Promise<unknown> };
  pipeline(
    task: string,
    model: string,
    options: { readonly device: string; readonly dtype: string },
  ): Promise<Pipeline>;
}

export interface TransformersPictures {
  classify(jpeg: Blob): Promise<{ readonly index: number; readonly probability: number }>;
  stages(jpeg: Blob): Promise<Stages>;
}

const absolute = (url: string) => new URL(url, document.baseURI).href;

export async function openTransformers(): Promise<TransformersPictures> {
  const { env, pipeline, RawImage }: Library = await import(absolute('transformers/transformers.min.js'));
  Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, useBrowserCache: false });
  // A path: of an address with a host it would not ask whether the files exist.
  env.localModelPath = new URL(absolute('models/')).pathname;
  env.backends.onnx.wasm.wasmPaths = absolute('transformers-ort/');
  const classifier = await pipeline('image-classification', 'densenet', { device: 'webgpu', dtype: 'fp32' });
  return {
    async classify(jpeg) {
      const [best] = await classifier(jpeg, { top_k: 5 });
      return { index: Number(best?.label.replace('LABEL_', '')), probability: best?.score ?? Number.NaN };
    },
    async stages(jpeg) {
      const began = performance.now();
      const image = await RawImage.read(jpeg);
      const decoded = performance.now();
      const { pixel_values } = await classifier.processor(image);
      const preprocessed = performance.now();
      await classifier.model({ pixel_values });
      const done = performance.now();
      return {
        decode: decoded - began,
        upload: null,
        preprocess: preprocessed - decoded,
        network: done - preprocessed,
        readback: null,
      };
    },
  };
}
