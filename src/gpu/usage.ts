/**
 * WebGPU's usage flags by value (WebGPU, sections 5.1.1 and 6.1.2), so that the package works where the implementation
 * does not put `GPUBufferUsage` on the global object (Node, Deno with a caller's own `GPU`).
 */
export const USAGE = {
  MAP_READ: 0x0001,
  COPY_SRC: 0x0004,
  COPY_DST: 0x0008,
  UNIFORM: 0x0040,
  STORAGE: 0x0080,
  QUERY_RESOLVE: 0x0200,
} as const;

export const TEXTURE_USAGE = {
  COPY_SRC: 0x01,
  COPY_DST: 0x02,
  TEXTURE_BINDING: 0x04,
  STORAGE_BINDING: 0x08,
  RENDER_ATTACHMENT: 0x10,
} as const;

export const MAP_MODE_READ = 0x0001;

/** `GPUShaderStage.COMPUTE` */
export const COMPUTE_STAGE = 4;
