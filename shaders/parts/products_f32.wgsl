// Products of f32. Column c of the weights is what input channel c adds to the four output channels.
// Each fma by itself, as some compilers fuse no product with its sum unless told to.
alias Weights = mat4x4f;
alias Input = vec4f;
alias Sum = vec4f;
const CARRY = 0x40000000u; // input quads that a part of a sum spans: all
fn columnOf(stored: WeightQuad) -> vec4f { return weightOf(stored); }
fn inputOf(x: vec4f) -> Input { return x; }
fn storedInput(quad: Quad) -> Input { return inputOf(vectorOf(quad)); }
fn added(sum: Sum, w: Weights, x: Input) -> Sum {
  return fma(vec4f(x.w), w[3], fma(vec4f(x.z), w[2], fma(vec4f(x.y), w[1], fma(vec4f(x.x), w[0], sum))));
}
fn carried(sum: Sum) -> Sum { return sum; }
fn floatsOf(sum: Sum) -> vec4f { return sum; }
