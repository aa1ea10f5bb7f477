/** The page's address: `?model=hf:OWNER/NAME&image=URL&class=NAME`. What is empty or missing is as without. */
import { showClass, useImage, useModel } from './current.js';
import { fetchFile, nameOf } from './fetch-file.js';
import { openModel } from './model-card.js';
import { loadDefault, loadModel, startLoading } from './models.js';

/** Loads what the address asks for, the default model without one. Returns whether it asks for an image. */
export function useParameters(search: string): boolean {
  const asked = new URLSearchParams(search);
  const model = asked.get('model') || null;
  const image = asked.get('image') || null;
  const classText = asked.get('class') || null;
  const loading = model === null ? useModel(loadDefault) : useModelAt(model);
  const looking = image === null ? Promise.resolve() : useImageAt(image);
  // The class is known when the model is, and its map is of the image.
  if (classText !== null) void Promise.all([loading, looking]).then(() => showClass(classText));
  return image !== null;
}

/** Shows the picture at an address. */
export function useImageAt(address: string): Promise<void> {
  const url = new URL(address, location.href).href;
  const name = nameOf(url);
  return useImage({ blob: () => fetchFile(url), name, caption: `${name}.` });
}

/** Safetensors and Hub ids stream into the network; other formats are converted first. */
async function useModelAt(address: string): Promise<void> {
  if (address.startsWith('hf:')) return useModel(() => startLoading((signal) => loadModel(address, address, signal)));
  const url = new URL(address, location.href).href;
  const name = nameOf(url);
  if (name.endsWith('.safetensors')) return useModel(() => startLoading((signal) => loadModel(url, name, signal)));
  return openModel(async () => new File([await fetchFile(url)], name), name, []);
}
