/** `densenet-webgpu/import`: checkpoints of other frameworks → model files. For pages, workers and Node. */
export { isDenseNetError } from '../core/errors.js';
export { PRESETS, presetOf } from '../preprocess/presets.js';
export { type StorageType, writeModel } from '../weights/model-file.js';
export { type ImportedCheckpoint, type ImportOptions, importCheckpoint } from './checkpoint.js';
export type { ReadSibling, ReadSibling as ReadBeside } from './decoded.js';
export type { CheckpointFormat } from './detect-format.js';
