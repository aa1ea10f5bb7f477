// As in texels_f32.wgsl, two halves to a u32 and two of those to a texel.
fn loadWeight(at: u32) -> vec4f {
  let texel = params.firstWeight + at;
  return weightOf(textureLoad(weights, vec2u(texel % 1024u, texel / 1024u), 0).xy);
}
