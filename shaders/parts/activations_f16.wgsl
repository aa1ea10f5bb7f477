// Storage of activations in f16: a Quad is four consecutive channels of one pixel (layout NC/4HW4). Arithmetic stays f32.
enable f16;
alias Quad = vec4<f16>;
// Not max(x, 0): that turns the NaN of an overflow into a plausible 0 on many adapters, and the error would go unseen.
fn relu(x: vec4f) -> vec4f { return select(x, vec4f(), x < vec4f()); }
