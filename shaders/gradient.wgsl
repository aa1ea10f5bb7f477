// One layer of the head backwards: how the logit of each image's class depends on what enters a dense layer.
//
//   dst[image, c] = slope(below[image, c]) · Σ_o weight[o, c] · above[image, o]
//
// For the classifier, `above` is 1 for the explained class and 0 for all others. slope is the derivative of the
// activation between `below` and this layer (linear.wgsl); 1 for the pooled features, which have none.
//
//   weights  as in linear.wgsl
//   above    [image][output quad]: the gradient by this layer's outputs; not read for the classifier
//   below    [image][input quad]: what the activation before this layer was applied to
//   classOf  [image]: the class to explain
//   dst      [image][input quad] of vec4f
//
// Dispatch: (⌈input quads / WORKGROUP⌉, images).

struct Params {
  inQuads: u32,
  outQuads: u32,
  activation: u32,
  isClassifier: u32,
}

override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> weights: array<WeightQuad>;
@group(0) @binding(1) var<storage, read> above: array<vec4f>;
@group(0) @binding(2) var<storage, read> below: array<vec4f>;
@group(0) @binding(3) var<storage, read> classOf: array<u32>;
@group(0) @binding(4) var<storage, read_write> dst: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;

fn erf(x: vec4f) -> vec4f {
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return sign(x) * (1.0 - p * exp(-x * x));
}

// Far out some drivers compute ∞ / ∞.
fn boundedTanh(x: vec4f) -> vec4f {
  return tanh(clamp(x, vec4f(-20.0), vec4f(20.0)));
}

fn slope(x: vec4f) -> vec4f {
  let isAbove = x > vec4f();
  switch params.activation {
    case 1u: { return select(vec4f(), vec4f(1.0), isAbove); }
    case 2u: {
      let y = 1.0 / (1.0 + exp(-x));
      return y * (1.0 - y);
    }
    case 3u: {
      let y = boundedTanh(x);
      return 1.0 - y * y;
    }
    case 4u: { return 0.5 * (1.0 + erf(x * 0.7071067811865476)) + x * exp(-0.5 * x * x) * 0.3989422804014327; }
    case 5u: { return select(exp(min(x, vec4f())), vec4f(1.0), isAbove); }
    case 6u: { return select(vec4f(0.01), vec4f(1.0), isAbove); }
    case 7u: {
      let y = boundedTanh(0.7978845608028654 * (x + 0.044715 * x * x * x));
      return 0.5 * (1.0 + y) + 0.3989422804014327 * x * (1.0 - y * y) * (1.0 + 0.134145 * x * x);
    }
    default: { return vec4f(1.0); }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let q = group.x * WORKGROUP + lane;
  if (q >= params.inQuads) {
    return;
  }
  let classIndex = classOf[group.y];
  var sum = vec4f();
  for (var c = 0u; c < 4u; c++) {
    let row = (4u * q + c) * params.outQuads;
    if (params.isClassifier == 1u) {
      sum[c] = weightOf(weights[row + classIndex / 4u])[classIndex % 4u];
    } else {
      for (var o = 0u; o < params.outQuads; o++) {
        sum[c] += dot(weightOf(weights[row + o]), above[group.y * params.outQuads + o]);
      }
    }
  }
  dst[group.y * params.inQuads + q] = sum * slope(below[group.y * params.inQuads + q]);
}
