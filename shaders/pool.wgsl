// BN-ReLU-global average pool: the features that the classifier sees (paper, section 3, "Implementation Details").
//
//   dst[image, c] = 1 / pixels · Σ_p max(floor, scale[c] · src[c, image, p] + shift[c])
//
// floor is 0 for the ReLU, −∞ for networks without one. Of other networks the pool is the maximum over the pixels, or
// the averages and behind them, `quads` further on, the maxima.
//
//   src   [quad][plane] of Quad, as in conv1x1.wgsl
//   norm  [quad]{scale, shift}
//   dst   [image][quad] of vec4f, or [image][average, maximum][quad]: the pooled features stay f32 in every precision
//
// One workgroup per channel quad and image: each invocation sums every WORKGROUP-th pixel, then the sums are added in
// a tree. Dispatch: (quads, images).

struct Params {
  pixels: u32, // of one image
  quads: u32,
  srcPlane: u32,
  kind: u32, // 0 average, 1 maximum, 2 both
  floor: f32,
}

const WORKGROUP = 16u;

@group(0) @binding(0) var<storage, read> src: array<Quad>;
@group(0) @binding(1) var<storage, read> norm: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dst: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> partials: array<vec4f, 16>;
var<workgroup> maxima: array<vec4f, 16>;

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let scale = norm[2u * group.x];
  let shift = norm[2u * group.x + 1u];
  let plane = group.x * params.srcPlane + group.y * params.pixels;
  var sum = vec4f();
  var most = vec4f(-3.4e38);
  for (var p = lane; p < params.pixels; p += WORKGROUP) {
    let value = fma(vectorOf(src[plane + p]), scale, shift);
    let kept = select(relu(value), value, params.floor < 0.0);
    sum += kept;
    most = max(most, kept);
  }
  partials[lane] = sum;
  maxima[lane] = most;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      partials[lane] += partials[lane + half];
      maxima[lane] = max(maxima[lane], maxima[lane + half]);
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    let average = partials[0] / f32(params.pixels);
    if (params.kind == 2u) {
      dst[2u * group.y * params.quads + group.x] = average;
      dst[(2u * group.y + 1u) * params.quads + group.x] = maxima[0];
    } else {
      dst[group.y * params.quads + group.x] = select(average, maxima[0], params.kind == 1u);
    }
  }
}
