// Storage of weights in f16, two to a u32, readable on every adapter: four consecutive output channels.
alias WeightQuad = vec2u;
alias StoredWeights = array<WeightQuad, 4>; // one for each of four input channels
fn weightOf(stored: WeightQuad) -> vec4f { return vec4f(unpack2x16float(stored.x), unpack2x16float(stored.y)); }
