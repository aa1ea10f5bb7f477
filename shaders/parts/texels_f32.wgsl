// Weights of a convolution where they are a texture, the same for all kernels: row after row of 1024, from firstWeight on.
// A CPU checks the bounds of a texel once, those of a buffer for each component.
fn loadWeight(at: u32) -> vec4f {
  let texel = params.firstWeight + at;
  return textureLoad(weights, vec2u(texel % 1024u, texel / 1024u), 0);
}
