import { DenseNet, isDenseNetError, type LoadOptions, type Prediction } from 'densenet-webgpu';

let loading: Promise<DenseNet> | null = null;

/** The best five classes of an image, or null where the image cannot be used. */
export async function classify(
  image: HTMLImageElement | File,
  options: LoadOptions = {},
): Promise<Prediction[] | null> {
  loading ??= DenseNet.load('/model.safetensors', options);
  const net = await loading;
  try {
    return await net.classify(image, { topK: 5 });
  } catch (error) {
    if (isDenseNetError(error) && error.name === 'ImageError') return null;
    throw error;
  }
}
