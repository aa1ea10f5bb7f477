/** Takes files that are chosen, dropped anywhere on the page, or pasted. */
import { page } from './page.js';

/** What the file dialogue offers. Any file is tried; the list is only a filter of the dialogue. */
const ACCEPTED = 'image/*,.safetensors,.pth,.pt,.tar,.bin,.onnx,.h5,.keras,.json';

/**
 * Calls `onFiles` with a file and all files that came with it. Of several files the first counts, unless one is a
 * TensorFlow.js model.json: the others are then its weights.
 */
export function listenForFiles(onFiles: (file: File, all: readonly File[]) => void): void {
  const takeFrom = (files: FileList | null | undefined) => {
    const all = [...(files ?? [])];
    const file = all.find(({ name }) => name.endsWith('.json')) ?? all[0];
    if (file) onFiles(file, all);
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

/** Judges by the type that the browser guesses from the name. A wrong guess ends in an error message. */
export const isImage = ({ type }: File): boolean => type.startsWith('image/');
