/** Pictures as input: one preprocessor per session, made from the model file's specification. */
import { ImageError } from '../core/errors.js';
import type { Executable } from '../gpu/executable.js';
import { type ImageSource, openPicture } from '../gpu/image-source.js';
import { Preprocessor } from '../gpu/preprocessor.js';
import type { Session } from '../gpu/session.js';
import type { PreprocessSpec } from '../preprocess/spec.js';
import type { Recorder } from './job.js';

export class Pictures {
  private readonly preprocessors = new WeakMap<Session, Promise<Preprocessor>>();

  constructor(
    private readonly spec: PreprocessSpec,
    private readonly input: { readonly channels: number; readonly size: readonly [height: number, width: number] },
  ) {}

  /** Compiles the preprocessing kernels for a session. @throws ShaderError, ImageError when the model's own rows clash */
  async prepare(session: Session): Promise<void> {
    await this.preprocessor(session);
  }

  /**
   * The work of a blank picture, to run every kernel once: of the network's own size, for which everything is made then,
   * or as small as can be; none where no picture can be used.
   */
  async blank(session: Session, executable: Executable): Promise<Recorder> {
    for (const [height, width] of [this.input.size, [1, 1] as const]) {
      try {
        return await this.feed(session, executable, [await blankPicture(session.device.queue, width, height)]);
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
      }
    }
    return {};
  }

  /** @throws ImageError when a picture cannot be used; nothing stays open then */
  async feed(session: Session, executable: Executable, images: readonly ImageSource[]): Promise<Recorder> {
    const preprocessor = await this.preprocessor(session);
    const opened = await Promise.allSettled(
      images.map((image) => openPicture(image, session.device.limits.maxTextureDimension2D)),
    );
    const pictures = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = opened.find((result) => result.status === 'rejected');
    if (failed) {
      for (const picture of pictures) if (picture.kind === 'external') picture.close?.();
      throw failed.reason;
    }
    const batch = await preprocessor.prepare(pictures);
    const destination = session.locate(executable, executable.plan.input.region);
    return { dispatches: (pass) => batch.encode(pass, destination), release: () => batch.release() };
  }

  private preprocessor(session: Session): Promise<Preprocessor> {
    let made = this.preprocessors.get(session);
    if (!made) {
      made = Preprocessor.create(session.device, session.pipelines, this.spec, this.input).then((p) =>
        session.adopt(p),
      );
      this.preprocessors.set(session, made);
    }
    return made;
  }
}

/** By the way that files and elements go, where there is one: browsers compile that copy when it is first made. */
async function blankPicture(queue: GPUQueue, width: number, height: number): Promise<ImageSource> {
  const canCopy = typeof createImageBitmap !== 'undefined' && 'copyExternalImageToTexture' in queue;
  if (canCopy) return createImageBitmap(new ImageData(width, height));
  return { data: new Uint8Array(4 * height * width), width, height };
}
