enable f16;
// Products of f16, where an adapter does two of them at once. A part of a sum, of 8 input quads of a 1×1 convolution or
// one of a 3×3, is added up in f16 and then carried to f32.
alias Weights = mat4x4h;
alias Input = vec4h;
struct Sum { total: vec4f, part: vec4h }
const CARRY = 8u;
fn columnOf(stored: WeightQuad) -> vec4h { return vec4h(bitcast<vec2h>(stored.x), bitcast<vec2h>(stored.y)); }
fn inputOf(x: vec4f) -> Input { return vec4h(x); }
fn storedInput(quad: Quad) -> Input { return vec4h(bitcast<vec2h>(quad.x), bitcast<vec2h>(quad.y)); }
fn added(sum: Sum, w: Weights, x: Input) -> Sum {
  let first = fma(vec4h(x.y), w[1], fma(vec4h(x.x), w[0], sum.part));
  return Sum(sum.total, fma(vec4h(x.w), w[3], fma(vec4h(x.z), w[2], first)));
}
fn carried(sum: Sum) -> Sum { return Sum(sum.total + vec4f(sum.part), vec4h()); }
fn floatsOf(sum: Sum) -> vec4f { return sum.total; }
