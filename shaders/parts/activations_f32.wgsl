// Storage of activations in f32: a Quad is four consecutive channels of one pixel (layout NC/4HW4).
alias Quad = vec4f;
fn vectorOf(quad: Quad) -> vec4f { return quad; }
fn quadOf(value: vec4f) -> Quad { return value; }
// Not max(x, 0), which makes a plausible 0 of the NaN and the -∞ of an overflow, so that the error would go unseen: here
// x up to 2^127 gives the same, and -∞ gives -∞ + ∞ = NaN. Not x - min(x, 0), which is slower where min minds NaN.
fn relu(x: vec4f) -> vec4f { return 0.5 * (x + abs(x)); }
// For convolutions, which are stored with scale and shift halved: one instruction, as the magnitude costs none.
fn twiceRelu(x: vec4f) -> vec4f { return x + abs(x); }
