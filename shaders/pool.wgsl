// BN-ReLU-global average pool: the features that the classifier sees (paper, section 3, "Implementation Details").
//
//   dst[image, c] = 1 / pixels · Σ_p relu(scale[c] · src[c, image, p] + shift[c])
//
//   src   [quad][plane] of Quad, as in conv1x1.wgsl
//   norm  [quad]{scale, shift}
//   dst   [image][quad] of vec4f: the pooled features stay f32 in every precision
//
// One workgroup per channel quad and image: each invocation sums every WORKGROUP-th pixel, then the sums are added in
// a tree. Dispatch: (quads, images).

struct Params {
  pixels: u32, // of one image
  quads: u32,
  srcPlane: u32,
}

const WORKGROUP = 16u;

@group(0) @binding(0) var<storage, read> src: array<Quad>;
@group(0) @binding(1) var<storage, read> norm: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dst: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> partials: array<vec4f, 16>;

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let scale = norm[2u * group.x];
  let shift = norm[2u * group.x + 1u];
  let plane = group.x * params.srcPlane + group.y * params.pixels;
  var sum = vec4f();
  for (var p = lane; p < params.pixels; p += WORKGROUP) {
    sum += relu(fma(vectorOf(src[plane + p]), scale, shift));
  }
  partials[lane] = sum;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      partials[lane] += partials[lane + half];
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    dst[group.y * params.quads + group.x] = partials[0] / f32(params.pixels);
  }
}
