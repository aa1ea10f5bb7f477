// Storage of weights in f32: four consecutive output channels.
alias WeightQuad = vec4f;
fn weightOf(stored: WeightQuad) -> vec4f { return stored; }
