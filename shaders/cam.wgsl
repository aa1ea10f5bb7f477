// Exact class activation maps (Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, eq. 1).
// DenseNet's head is BN-ReLU-global average-linear, so the map of a class, averaged and added to its bias, is its logit.
// Behind a head of several layers the map is the gradient's: the same for the head's exact linearisation at this image.
//
//   dst[image, p] = Σ_c gradient[image, c] · max(floor, scale[c] · src[c, image, p] + shift[c]), floor as in pool.wgsl
//
//   src      [quad][plane] of Quad, as in conv1x1.wgsl
//   gradient [image][quad]: of the explained class's logit by the pooled features, from gradient.wgsl
//   dst      [image][pixel] of f32
//
// Dispatch: (⌈pixels / WORKGROUP⌉, images).

struct Params {
  pixels: u32, // of one image
  quads: u32,
  srcPlane: u32,
  floor: f32,
}

override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> src: array<Quad>;
@group(0) @binding(1) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(2) var<storage, read> norm: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dst: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let pixel = group.x * WORKGROUP + lane;
  if (pixel >= params.pixels) {
    return;
  }
  var sum = 0.0;
  for (var q = 0u; q < params.quads; q++) {
    let value = fma(vectorOf(src[q * params.srcPlane + group.y * params.pixels + pixel]), norm[2u * q], norm[2u * q + 1u]);
    let x = select(relu(value), value, params.floor < 0.0);
    sum += dot(gradient[group.y * params.quads + q], x);
  }
  dst[group.y * params.pixels + pixel] = sum;
}
