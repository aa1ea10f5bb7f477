// Storage of activations in f16, two to a u32, on every adapter: a Quad is four consecutive channels of one pixel (layout
// NC/4HW4). Arithmetic stays f32. Not vec4<f16>, which needs shader-f16, and where a load costs by its components
// (lavapipe) DenseNet-121 takes 0.85 of the time in two loads for four.
alias Quad = vec2u;
fn vectorOf(quad: Quad) -> vec4f { return vec4f(unpack2x16float(quad.x), unpack2x16float(quad.y)); }
fn quadOf(value: vec4f) -> Quad { return vec2u(pack2x16float(value.xy), pack2x16float(value.zw)); }
// Not max(x, 0), which makes a plausible 0 of the NaN and the -∞ of an overflow, so that the error would go unseen: here
// x up to 2^127 gives the same, and -∞ gives -∞ + ∞ = NaN. Not x - min(x, 0), which is slower where min minds NaN.
fn relu(x: vec4f) -> vec4f { return 0.5 * (x + abs(x)); }
// For convolutions, which are stored with scale and shift halved: one instruction, as the magnitude costs none.
fn twiceRelu(x: vec4f) -> vec4f { return x + abs(x); }
