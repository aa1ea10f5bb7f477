/** Ways for a file to come in: chosen, dropped anywhere on the page, or pasted. */
import { page } from './page.js';

/** What the worker can convert; anything is looked at, the list only helps a file dialogue. */
const ACCEPTED = 'image/*,.safetensors,.pth,.pt,.tar,.bin,.onnx,.h5,.keras,.json';

/**
 * Calls `take` with what came: a file, and those that came together with it. Of several the first counts, unless one
 * is a TensorFlow.js model.json: the others are then its weights.
 */
export function listenForFiles(take: (file: File, others: readonly File[]) => void): void {
  const takeFrom = (files: FileList | null | undefined) => {
    const all = [...(files ?? [])];
    const file = all.find(({ name }) => name.endsWith('.json')) ?? all[0];
    if (file) take(file, all);
  };
  page.file.accept = ACCEPTED;
  page.choose.addEventListener('click', () => page.file.click());
  page.file.addEventListener('change', () => {
    takeFrom(page.file.files);
    page.file.value = '';
  });
  document.addEventListener('paste', ({ clipboardData }) => takeFrom(clipboardData?.files));
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    page.drop.hidden = false;
  });
  document.addEventListener('dragleave', ({ relatedTarget }) => {
    if (!relatedTarget) page.drop.hidden = true;
  });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    page.drop.hidden = true;
    takeFrom(event.dataTransfer?.files);
  });
}

/** By the type that the browser guesses from the name: a wrong guess comes to an error message, not to harm. */
export const isPicture = ({ type }: File): boolean => type.startsWith('image/');
