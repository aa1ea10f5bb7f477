/** Uniform structs by the field offsets that the manifest has from reflection. */

type Fields = Readonly<Record<string, { readonly offset: number; readonly type: string }>>;

/** Writes a uniform struct; every field must have a value, vectors of floats a list. */
export function writeParams(
  view: DataView,
  fields: Fields,
  values: Readonly<Record<string, number | readonly number[]>>,
): void {
  for (const [name, { offset, type }] of Object.entries(fields)) {
    const value = values[name];
    if (value === undefined) throw new RangeError(`no value for the parameter ${name}`);
    for (const [i, component] of [value].flat().entries()) {
      if (type === 'u32') view.setUint32(offset, component, true);
      else view.setFloat32(offset + 4 * i, component, true);
    }
  }
}
