/** Images as input: captured at the call, preprocessed on the GPU when its turn comes. */
import { ImageError } from '../core/errors.js';
import { copyTexture } from '../gpu/copy-input.js';
import type { Executable } from '../gpu/executable.js';
import {
  type CapturedImage,
  captureImage,
  checkImageSize,
  type ImageSource,
  type OpenImage,
} from '../gpu/image-source.js';
import { type NetworkInput, Preprocessor } from '../gpu/preprocessor.js';
import type { Session } from '../gpu/session.js';
import type { PreprocessSpec } from '../preprocess/spec.js';
import type { Recorder } from './job.js';

export class ImageInput {
  /** One for each session, made from the model file's specification. */
  private readonly preprocessors = new WeakMap<Session, Promise<Preprocessor>>();

  constructor(
    readonly spec: PreprocessSpec,
    private readonly input: NetworkInput,
  ) {}

  /** Compiles the preprocessing kernels for a session. @throws ShaderError, ImageError when the model's own rows clash */
  async prepare(session: Session): Promise<void> {
    await this.preprocessor(session);
  }

  /**
   * The work of a blank image, to run every kernel once: of the network's own size, or else as small as can be. None where
   * the preprocessing takes neither.
   */
  async blank(session: Session, executable: Executable): Promise<Recorder> {
    for (const [height, width] of [this.input.size, [1, 1] as const]) {
      try {
        const blank = await blankImage(session.device.queue, width, height);
        const images = this.capture(session, 'load', [blank]);
        const recorder = await this.feed(session, executable, images);
        return { ...recorder, release: () => [recorder.release?.(), closeAll(images)] };
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
      }
    }
    return {};
  }

  /** Takes the images as they are now. @param what the public method, for messages */
  capture({ resources }: Session, what: string, images: readonly ImageSource[]): readonly CapturedImage[] {
    return images.map((image) => captureImage(image, (texture) => copyTexture(resources, what, texture)));
  }

  /** @throws ImageError when an image cannot be used; nothing that was opened for this stays open then */
  async feed(session: Session, executable: Executable, images: readonly CapturedImage[]): Promise<Recorder> {
    const preprocessor = await this.preprocessor(session);
    const results = await Promise.allSettled(images.map((image) => image.open()));
    const opened = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    try {
      for (const result of results) if (result.status === 'rejected') throw result.reason;
      for (const image of opened) checkImageSize(image, session.device.limits.maxTextureDimension2D);
    } catch (error) {
      closeAll(opened);
      throw error;
    }
    const batch = await preprocessor.prepare(opened);
    const destination = session.locate(executable, executable.plan.input.region);
    return { dispatches: (pass) => batch.encode(pass, destination), release: () => batch.release() };
  }

  private preprocessor(session: Session): Promise<Preprocessor> {
    let made = this.preprocessors.get(session);
    if (!made) {
      made = Preprocessor.create(session.resources, session.pipelines, this.spec, this.input);
      this.preprocessors.set(session, made);
    }
    return made;
  }
}

export const closeAll = (images: readonly Pick<OpenImage, 'close'>[]): void => {
  for (const image of images) image.close?.();
};

/** An ImageBitmap where there are any, as for files and elements: browsers compile that copy when it is first made. */
async function blankImage(queue: GPUQueue, width: number, height: number): Promise<ImageSource> {
  const canCopy = typeof createImageBitmap !== 'undefined' && 'copyExternalImageToTexture' in queue;
  if (canCopy) return createImageBitmap(new ImageData(width, height));
  return { data: new Uint8Array(4 * height * width), width, height };
}
