/** Ways for a file to come in: chosen, dropped anywhere on the page, or pasted. */
import { page } from './page.js';

/** What the worker can convert; anything is looked at, the list only helps a file dialogue. */
const ACCEPTED = 'image/*,.safetensors,.pth,.pt,.tar,.bin,.onnx,.h5,.keras';

/** Calls `take` with each file; several at once: only the first. */
export function listenForFiles(take: (file: File) => void): void {
  const takeFirst = (files: FileList | null | undefined) => {
    const file = files?.[0];
    if (file) take(file);
  };
  page.file.accept = ACCEPTED;
  page.choose.addEventListener('click', () => page.file.click());
  page.file.addEventListener('change', () => {
    takeFirst(page.file.files);
    page.file.value = '';
  });
  document.addEventListener('paste', ({ clipboardData }) => takeFirst(clipboardData?.files));
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
    takeFirst(event.dataTransfer?.files);
  });
}

/** By the type that the browser guesses from the name: a wrong guess comes to an error message, not to harm. */
export const isPicture = ({ type }: File): boolean => type.startsWith('image/');
