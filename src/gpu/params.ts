/** Uniform structs, field by field as the manifest has them from reflection. */
import { assertDefined } from '../core/assert.js';
import { KERNELS } from '../kernels/manifest.generated.js';
import type { KernelName } from '../kernels/variants.js';

/** What every kernel's struct fits into (build.mjs checks it): the default `minUniformBufferOffsetAlignment`. */
export const PARAMS_BYTES = 256;

/** A value for each field of a kernel's struct: for vectors of floats a list. */
export type ParamValues<K extends KernelName> = Readonly<
  Record<keyof (typeof KERNELS)[K]['params'], number | readonly number[]>
>;

/** The struct in a block of {@link PARAMS_BYTES}. A scalar lies behind the field before it, a vector at 16 bytes. */
export function packParams<K extends KernelName>(kernel: K, values: ParamValues<K>): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(PARAMS_BYTES));
  const given = new Map(Object.entries<number | readonly number[]>(values));
  let at = 0;
  for (const [name, type] of Object.entries<string>(KERNELS[kernel].params)) {
    const value = assertDefined(given.get(name), name);
    if (type === 'vec4f') at = Math.ceil(at / 16) * 16;
    for (const component of [value].flat()) {
      if (type === 'u32') view.setUint32(at, component, true);
      else view.setFloat32(at, component, true);
      at += 4;
    }
  }
  return new Uint8Array(view.buffer);
}
