// Storage of weights in f16, two to a u32, readable on every adapter: four consecutive output channels.
alias WeightQuad = vec2u;
fn weightOf(stored: WeightQuad) -> vec4f { return vec4f(unpack2x16float(stored.x), unpack2x16float(stored.y)); }
