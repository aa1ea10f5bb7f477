/** The public face of the package. Importing it touches no global. */
export { DenseNet } from './densenet.js';
export type { DenseNetMemory, LoadOptions, LoadProgress, Prediction, RunResult, TensorInput } from './api.js';
export * from './errors.js';
export type { AdapterReport } from './gpu/device.js';
export type { PreprocessSpec } from './image/spec.js';
export { FAMILY, familyConfig, type DenseNetConfig } from './model/config.js';
export type { ModelMetadata } from './model/model.js';
