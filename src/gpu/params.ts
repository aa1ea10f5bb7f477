/** Uniform structs by the field offsets that the manifest has from reflection. */

type Fields = Readonly<Record<string, { readonly offset: number; readonly type: string }>>;

/** Writes a uniform struct; every field must have a value. */
export function writeParams(view: DataView, fields: Fields, values: Readonly<Record<string, number>>): void {
  for (const [name, { offset, type }] of Object.entries(fields)) {
    const value = values[name];
    if (value === undefined) throw new RangeError(`no value for the parameter ${name}`);
    if (type === 'f32') view.setFloat32(offset, value, true);
    else if (type === 'i32') view.setInt32(offset, value, true);
    else view.setUint32(offset, value, true);
  }
}
