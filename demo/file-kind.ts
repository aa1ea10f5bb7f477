/** Tells what a file is: an image, a list of labels, or a model; and names formats that browsers do not decode. */

export type FileKind = 'image' | 'labels' | 'model';

/** What a file is by its name and type. A wrong guess ends in an error message. */
export function kindOf({ name, type }: File): FileKind {
  if (type.startsWith('image/') || IMAGE_NAMES.test(name)) return 'image';
  if (LABEL_NAMES.test(name)) return 'labels';
  return 'model';
}

/** Browsers do not know the type of all of these. Those that no browser decodes get advice in place of an answer. */
const IMAGE_NAMES =
  /\.(jpe?g|png|webp|gif|avif|bmp|svg|ico|heic|heif|tiff?|dcm|dicom|pdf|jxl|jp2|psd|cr2|nef|arw|dng)$/i;
const LABEL_NAMES = /(\.txt|(labels|classes|class_index|categories)[\w-]*\.json)$/i;

/** Whether a file is a head alone, as `toSafetensors({ headOnly: true })` writes it: its header says so. */
export async function isHead(file: Blob): Promise<boolean> {
  return (await file.slice(0, 2 ** 16).text()).includes('"densenet-webgpu-head"');
}

interface Row {
  /** At this offset the file holds this text. */
  readonly at: number;
  readonly text: string;
  readonly advice: string;
}

const UNREADABLE: readonly Row[] = [
  {
    at: 128,
    text: 'DICM',
    advice: 'is a DICOM file, which browsers do not decode: export the image from your viewer as PNG',
  },
  { at: 0, text: '%PDF', advice: 'is a PDF: save the page as PNG, or take a screenshot of it' },
  ...['heic', 'heix', 'hevc', 'mif1', 'msf1'].map((brand) => ({
    at: 4,
    text: `ftyp${brand}`,
    advice:
      'is a HEIC picture, which only Safari decodes: save it as JPEG (iPhone: Settings, Camera, Formats, Most Compatible)',
  })),
  ...['II*\0', 'MM\0*'].map((text) => ({
    at: 0,
    text,
    advice: 'is a TIFF or raw picture, which browsers do not decode: save it as PNG or JPEG',
  })),
  { at: 0, text: '8BPS', advice: 'is a Photoshop file: export it as PNG' },
  { at: 0, text: '\0\0\0\x0cjP  ', advice: 'is a JPEG 2000 picture, which browsers do not decode: save it as PNG' },
];

/** Says what a file is that could not be decoded, and what to do: goes behind the file's name. */
export async function describeUnreadable(blob: Blob): Promise<string> {
  const start = String.fromCharCode(...new Uint8Array(await blob.slice(0, 256).arrayBuffer()));
  const row = UNREADABLE.find(({ at, text }) => start.startsWith(text, at));
  return row?.advice ?? 'is no picture that this browser can decode: try a JPEG, PNG or WebP';
}
