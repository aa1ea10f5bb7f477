/** The page of `npm run bench -- --pictures`: JPEGs in memory to classes, with this package and with transformers.js. */
import { adapterName } from '../../src/bench/disguise.js';
import type {
  Opened,
  PictureLibrary,
  PicturesPage,
  PictureTask,
  PictureTime,
} from '../../src/bench/pictures/protocol.js';
import { type OurPictures, openOurs } from './pictures-ours.js';
import { openTransformers, type TransformersPictures } from './pictures-transformers.js';

let jpegs: readonly Blob[] = [];
let ours: OurPictures | null = null;
let transformers: TransformersPictures | null = null;

/** Calls at once: as many as this package keeps on the GPU. */
const AT_ONCE = 4;

const opened = (library: PictureLibrary) => {
  const found = library === 'ours' ? ours : transformers;
  if (!found) throw new Error(`${library} is not open`);
  return found;
};

async function jpegAt(picture: number): Promise<Blob> {
  return (await fetch(`jpeg/${picture}`)).blob();
}

const pictureAt = (picture: number): Blob => {
  const jpeg = jpegs[picture];
  if (!jpeg) throw new Error(`there is no picture ${picture}`);
  return jpeg;
};

const page: PicturesPage = {
  async open(library, task: PictureTask): Promise<Opened> {
    if (jpegs.length === 0) jpegs = await Promise.all(Array.from({ length: task.count }, (_, i) => jpegAt(i)));
    const began = performance.now();
    if (library === 'ours') ours = await openOurs(task);
    else transformers = await openTransformers();
    await opened(library).classify(pictureAt(0));
    return { milliseconds: performance.now() - began, adapter: ours ? adapterName(ours.adapter) : null };
  },
  async classify(library, from, to) {
    const times: PictureTime[] = [];
    for (let picture = from; picture < to; picture++) {
      const began = performance.now();
      const { index, probability } = await opened(library).classify(pictureAt(picture));
      times.push({ milliseconds: performance.now() - began, best: index, probability });
    }
    return times;
  },
  async atOnce(from, to) {
    const began = performance.now();
    let next = from;
    const caller = async () => {
      while (next < to) await opened('ours').classify(pictureAt(next++));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, caller));
    return performance.now() - began;
  },
  stages: (library, picture) => opened(library).stages(pictureAt(picture)),
};

Object.assign(globalThis, { pictures: page });
