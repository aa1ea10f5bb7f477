// Products of f32 with weights stored in f16, on every adapter; otherwise as in products_f32.wgsl.
alias Weights = array<WeightQuad, 4>;
alias Input = vec4f;
alias Sum = vec4f;
const CARRY = 0x40000000u;
fn inputOf(x: vec4f) -> Input { return x; }
fn storedInput(quad: Quad) -> Input { return inputOf(vectorOf(quad)); }
fn added(sum: Sum, w: Weights, x: Input) -> Sum {
  let first = fma(vec4f(x.y), weightOf(w[1]), fma(vec4f(x.x), weightOf(w[0]), sum));
  return fma(vec4f(x.w), weightOf(w[3]), fma(vec4f(x.z), weightOf(w[2]), first));
}
fn carried(sum: Sum) -> Sum { return sum; }
fn floatsOf(sum: Sum) -> vec4f { return sum; }
