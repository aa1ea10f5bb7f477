// Storage of activations in f32: a Quad is four consecutive channels of one pixel (layout NC/4HW4).
alias Quad = vec4f;
// Not max(x, 0), which makes a plausible 0 of the NaN and the -∞ of an overflow, so that the error would go unseen: here
// a finite x gives the same, and -∞ gives -∞ - -∞ = NaN.
fn relu(x: vec4f) -> vec4f { return x - min(x, vec4f()); }
