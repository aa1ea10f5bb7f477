/** How readers say that a file cannot be read: one form for all formats, with names cut to a readable length. */
import { ModelFormatError } from '../core/errors.js';

/** What messages call a file of each format. */
const TITLES = {
  pytorch: 'PyTorch file',
  onnx: 'ONNX file',
  keras: 'Keras file',
  hdf5: 'HDF5 file',
  tfjs: 'TensorFlow.js model',
  safetensors: 'safetensors file',
} as const;

export interface Details {
  readonly tensor?: string;
  readonly offset?: number;
  readonly cause?: unknown;
}

/** Parts of a message come from the file, and may be of any length. */
const LONGEST_MESSAGE = 600;

/** @returns a function that makes the errors of one format: "bad PyTorch file: …" */
export function formatError(format: keyof typeof TITLES): (what: string, details?: Details) => ModelFormatError {
  return (what, { tensor, offset, cause } = {}) =>
    new ModelFormatError(
      `bad ${TITLES[format]}: ${shorten(what, LONGEST_MESSAGE)}`,
      { format, ...(tensor === undefined ? {} : { tensor }), ...(offset === undefined ? {} : { offset }) },
      cause === undefined ? undefined : { cause },
    );
}

/** The text, its middle left out where it is longer than `length`. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const half = Math.floor((length - 1) / 2);
  return `${text.slice(0, half)}…${text.slice(-half)}`;
}
