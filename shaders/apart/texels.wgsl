// Weights of a convolution where they are a texture, the same for all kernels, from firstWeight on.
fn loadWeight(at: u32) -> vec4f { return textureLoad(weights, place(params.firstWeight + at), 0); }
