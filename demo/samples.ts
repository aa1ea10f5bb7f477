/** The sample images. */
import { make } from './dom.js';
import { page } from './page.js';

export interface Sample {
  readonly file: string;
  readonly title: string;
  /** Author, year and license. */
  readonly credit: string;
}

/** Fetches the list and fills the page with it. Calls `onChoose` with the sample that the user presses. */
export async function showSamples(onChoose: (sample: Sample) => void): Promise<readonly Sample[]> {
  const samples = parse(await (await fetch('/samples/index.json')).json());
  page.samples.replaceChildren(
    ...samples.map((sample) => {
      const image = make('img', { src: urlOf(sample), alt: '', width: 96, height: 96, decoding: 'async' });
      const button = make('button', { type: 'button', title: sample.credit }, image, sample.title);
      button.dataset.file = sample.file;
      button.addEventListener('click', () => onChoose(sample));
      return make('li', {}, button);
    }),
  );
  return samples;
}

/** Marks the sample that is shown; null: none. */
export function markSample(sample: Sample | null): void {
  for (const button of page.samples.querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(button.dataset.file === sample?.file));
  }
}

export async function fetchSample(sample: Sample): Promise<Blob> {
  const failed = new Error(`${sample.file} could not be fetched: check the connection`);
  const response = await fetch(urlOf(sample)).catch(() => {
    throw failed;
  });
  if (!response.ok) throw failed;
  return response.blob();
}

const urlOf = ({ file }: Sample): string => `/samples/${file}`;

function parse(list: unknown): readonly Sample[] {
  return Array.isArray(list) ? list.filter(isSample) : [];
}

function isSample(value: unknown): value is Sample {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['file', 'title', 'credit'].every((key) => typeof Reflect.get(value, key) === 'string')
  );
}
