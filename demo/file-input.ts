/** Takes what the user chooses, drops anywhere on the page, or pastes: files, or the address of a picture. */
import { kindOf } from './file-kind.js';
import { page } from './page.js';

/** What the file dialogue offers. Any file is tried; the list is only a filter of the dialogue. */
const ACCEPTED = 'image/*,.dcm,.safetensors,.pth,.pt,.ckpt,.tar,.bin,.onnx,.h5,.hdf5,.keras,.json,.txt';

/** Files that came together. */
export interface Incoming {
  readonly images: readonly File[];
  readonly labels: File | null;
  readonly model: File | null;
  /** A TensorFlow.js model has its weights among these. */
  readonly all: readonly File[];
}

export interface Listener {
  onFiles(incoming: Incoming): void;
  /** An http or https address. */
  onAddress(url: string): void;
}

export function listenForFiles({ onFiles, onAddress }: Listener): void {
  const takeFrom = (files: FileList | null | undefined): boolean => {
    if (!files?.length) return false;
    onFiles(sort([...files]));
    return true;
  };
  const takeText = (text: string | undefined): boolean => {
    const url = addressIn(text ?? '');
    if (url) onAddress(url);
    return url !== null;
  };
  page.file.accept = ACCEPTED;
  page.choose.addEventListener('click', () => page.file.click());
  page.file.addEventListener('change', () => {
    takeFrom(page.file.files);
    page.file.value = '';
  });
  document.addEventListener('paste', (event) => {
    if (isEditable(event.target)) return;
    takeFrom(event.clipboardData?.files) || takeText(event.clipboardData?.getData('text/plain'));
  });
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
    takeFrom(event.dataTransfer?.files) || takeText(event.dataTransfer?.getData('text/uri-list'));
  });
}

/** Text that is pasted into a field belongs to the field. */
const isEditable = (target: EventTarget | null): boolean =>
  target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && target.type !== 'file');

function addressIn(text: string): string | null {
  const [first = ''] = text.trim().split(/\s+/);
  return /^https?:\/\/\S+$/.test(first) ? first : null;
}

function sort(files: readonly File[]): Incoming {
  const images = files.filter((file) => kindOf(file) === 'image');
  const labels = files.find((file) => kindOf(file) === 'labels') ?? null;
  const models = files.filter((file) => kindOf(file) === 'model');
  // A TensorFlow.js model is a model.json that names the other files.
  const model = models.find(({ name }) => name.endsWith('.json')) ?? models[0] ?? null;
  return { images, labels, model, all: files };
}
