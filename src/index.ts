/** The public face of the package. Importing it touches no global. */
export type * from './api.js';
export { DenseNet } from './densenet.js';
export type { ModelSource } from './download.js';
export * from './errors.js';
export type { AdapterReport } from './gpu/device.js';
export type { Heatmap, Pixels } from './heatmap.js';
export type { PreprocessSpec } from './image/spec.js';
export type { DenseNetConfig } from './model/config.js';
export type { ModelMetadata } from './model/model.js';
export type { NetworkPlan } from './plan/network.js';
