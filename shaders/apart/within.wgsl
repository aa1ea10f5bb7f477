// A value for a texture of f16. Storing cuts off what f16 has no bits for, so it is rounded here, to nearest, ties away from
// zero; and takes 65504 for what is beyond it, so what would round beyond it is made NaN, to be noticed.
fn within(value: vec4f) -> vec4f {
  let bits = bitcast<vec4u>(value);
  let rounded = (bits + vec4u(0x1000u)) & vec4u(0xffffe000u);
  let isBeyond = (bits & vec4u(0x7fffffffu)) >= vec4u(0x477ff000u);
  return bitcast<vec4f>(select(rounded, vec4u(0x7fc00000u), isBeyond));
}
