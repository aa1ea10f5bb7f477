/** The public face of the package. Importing it touches no global. */
export type * from './api.js';
export * from './core/errors.js';
export { DenseNet } from './densenet.js';
export type { AdapterReport, Support } from './gpu/device.js';
export type { DenseNetConfig } from './model/config.js';
export type { ModelMetadata } from './model/model.js';
export type { NetworkPlan } from './plan/network.js';
export type { PreprocessSpec } from './preprocess/spec.js';
export type { ModelSource } from './runtime/download.js';
export type { Heatmap, OverlayOptions, Pixels } from './runtime/heatmap.js';
export type { Teacher } from './runtime/teach/teacher.js';
