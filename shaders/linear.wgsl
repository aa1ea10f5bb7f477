// A dense layer of the head: logits, or the inputs of the next layer's activation, from pooled features.
//
//   dst[image, o] = bias[o] + Σ_c weight[o, c] · activate(src[image, c])
//
// The activation is the one behind the layer before, so that what is stored can be differentiated (gradient.wgsl).
//
//   src      [image][input quad] of vec4f
//   weights  [input quad][input channel 4][output quad] of WeightQuad
//   bias     [output quad]
//   dst      [image][output quad] of vec4f: the logits stay f32 in every precision
//
// A workgroup computes 8 output quads of one image; its 8 slices each sum every 8th input quad, then the slices are
// added. Dispatch: (⌈output quads / 8⌉, images).

struct Params {
  inQuads: u32,
  outQuads: u32,
  activation: u32, // 0 none, 1 ReLU, 2 sigmoid, 3 tanh, 4 GELU, 5 ELU, 6 leaky ReLU, 7 GELU by tanh
}

@group(0) @binding(0) var<storage, read> src: array<vec4f>;
@group(0) @binding(1) var<storage, read> weights: array<WeightQuad>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dst: array<vec4f>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> partials: array<vec4f, 64>;

// Abramowitz and Stegun, 7.1.26: to within 1.5e-7.
fn erf(x: vec4f) -> vec4f {
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return sign(x) * (1.0 - p * exp(-x * x));
}

// Far out some drivers compute ∞ / ∞.
fn boundedTanh(x: vec4f) -> vec4f {
  return tanh(clamp(x, vec4f(-20.0), vec4f(20.0)));
}

fn activate(x: vec4f) -> vec4f {
  switch params.activation {
    case 1u: { return max(x, vec4f()); }
    case 2u: { return 1.0 / (1.0 + exp(-x)); }
    case 3u: { return boundedTanh(x); }
    case 4u: { return 0.5 * x * (1.0 + erf(x * 0.7071067811865476)); }
    case 5u: { return select(exp(min(x, vec4f())) - 1.0, x, x > vec4f()); }
    case 6u: { return select(0.01 * x, x, x > vec4f()); }
    case 7u: { return 0.5 * x * (1.0 + boundedTanh(0.7978845608028654 * (x + 0.044715 * x * x * x))); }
    default: { return x; }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = lane % 8u;
  let slice = lane / 8u;
  let quad = min(group.x * 8u + column, params.outQuads - 1u);
  var sum = vec4f();
  for (var q = slice; q < params.inQuads; q += 8u) {
    let x = activate(src[group.y * params.inQuads + q]);
    let row = 4u * q * params.outQuads + quad;
    sum = fma(vec4f(x.x), weightOf(weights[row]), sum);
    sum = fma(vec4f(x.y), weightOf(weights[row + params.outQuads]), sum);
    sum = fma(vec4f(x.z), weightOf(weights[row + 2u * params.outQuads]), sum);
    sum = fma(vec4f(x.w), weightOf(weights[row + 3u * params.outQuads]), sum);
  }
  partials[lane] = sum;
  workgroupBarrier();
  if (lane < 8u && group.x * 8u + column < params.outQuads) {
    var total = bias[quad];
    for (var s = 0u; s < 8u; s++) {
      total += partials[s * 8u + column];
    }
    dst[group.y * params.outQuads + quad] = total;
  }
}
