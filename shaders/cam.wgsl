// Exact class activation maps (Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, eq. 1).
// DenseNet's head is BN-ReLU-global average-linear, so the map of a class, averaged and added to its bias, is its logit.
//
//   dst[image, p] = Σ_c weight[o, c] · relu(scale[c] · src[c, image, p] + shift[c])   for the class o of that image
//
//   src      [quad][plane] of Quad, as in conv1x1.wgsl
//   weights  the classifier's, as in linear.wgsl
//   classOf  [image]: the class to explain
//   dst      [image][pixel] of f32
//
// Dispatch: (⌈pixels / WORKGROUP⌉, images).

struct Params {
  pixels: u32, // of one image
  quads: u32,
  srcPlane: u32,
  classQuads: u32, // output quads of the classifier
}

override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> src: array<Quad>;
@group(0) @binding(1) var<storage, read> weights: array<WeightQuad>;
@group(0) @binding(2) var<storage, read> norm: array<vec4f>;
@group(0) @binding(3) var<storage, read> classOf: array<u32>;
@group(0) @binding(4) var<storage, read_write> dst: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let pixel = group.x * WORKGROUP + lane;
  if (pixel >= params.pixels) {
    return;
  }
  let classIndex = classOf[group.y];
  var sum = 0.0;
  for (var q = 0u; q < params.quads; q++) {
    let x = relu(fma(vectorOf(src[q * params.srcPlane + group.y * params.pixels + pixel]), norm[2u * q], norm[2u * q + 1u]));
    for (var c = 0u; c < 4u; c++) {
      sum = fma(weightOf(weights[(4u * q + c) * params.classQuads + classIndex / 4u])[classIndex % 4u], x[c], sum);
    }
  }
  dst[group.y * params.pixels + pixel] = sum;
}
