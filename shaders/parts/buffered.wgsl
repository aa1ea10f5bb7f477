// Weights of a convolution where they are a buffer, of which the kernel's own are bound.
fn loadWeight(at: u32) -> vec4f { return weightOf(weights[at]); }
