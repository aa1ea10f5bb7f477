// Storage of weights in f32: four consecutive output channels.
alias WeightQuad = vec4f;
alias StoredWeights = mat4x4f; // a column for each of four input channels
fn weightOf(stored: WeightQuad) -> vec4f { return stored; }
