// Transition: BN-ReLU-1×1 convolution-average pool 2×2 stride 2 (paper, section 3, "Pooling layers"), pool first.
//
// The pool and the 1×1 convolution are both linear and act on different axes, so they commute: pooling first leaves a
// quarter of the pixels to convolve.
//
//   dst[o, p] = bias[o] + Σ_i weight[o, i] · ¼ Σ_{2×2 window of p} relu(scale[i] · src[i, ·] + shift[i])
//
// scale and shift are stored divided by 8: by 4 for the mean, by 2 for twiceRelu. src, dst: [quad][plane] of Quad.
// Weights, tile and dispatch as in conv1x1.wgsl, over the pixels of the pooled map; an odd last row or column of the
// source is left out, as PyTorch's AvgPool2d does.

struct Params {
  pixels: u32, // of the whole batch, pooled
  width: u32, // pooled
  height: u32, // pooled
  srcWidth: u32,
  srcHeight: u32,
  srcPlane: u32,
  dstPlane: u32,
  inQuads: u32,
  outQuads: u32,
}

const SUMS = TILE_PIXELS * TILE_QUADS;

@group(0) @binding(0) var<storage, read> src: array<Quad>;
@group(0) @binding(1) var<storage, read> weights: array<StoredWeights>;
@group(0) @binding(2) var<storage, read> norm: array<Norm>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(5) var<uniform> params: Params;

fn normed(at: u32, affine: Norm) -> vec4f {
  return twiceRelu(fma(vectorOf(src[at]), affine.scale, affine.shift));
}

@compute @workgroup_size(WORKGROUP, SPLIT_K)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let firstPixel = group.x * WORKGROUP * TILE_PIXELS + local.x;
  let firstQuad = group.y * TILE_QUADS;
  let split = splitOf(local);
  let lane = laneOf();
  let srcPlane = params.srcPlane;
  let srcWidth = params.srcWidth;
  let outQuads = params.outQuads;

  var windowAt: array<u32, TILE_PIXELS>; // of a window's first pixel
  for (var m = 0u; m < TILE_PIXELS; m++) {
    let pixel = firstPixel + m * WORKGROUP;
    let line = pixel / params.width; // of the whole batch
    let row = line / params.height * params.srcHeight + 2u * (line % params.height);
    windowAt[m] = row * srcWidth + 2u * (pixel % params.width);
  }

  var sum: array<Sum, SUMS>;
  var q = split;
  var planeAt = split * srcPlane;
  var weightAt = firstQuad + split * outQuads;
  for (var turns = turnsOf(params.inQuads, split); turns > 0u; turns -= min(turns, CARRY)) {
    for (var left = min(turns, CARRY); left > 0u; left--) {
      let affine = normAt(q, lane);
      var x: array<Input, TILE_PIXELS>;
      for (var m = 0u; m < TILE_PIXELS; m++) {
        let above = planeAt + windowAt[m];
        let below = above + srcWidth;
        x[m] = inputOf(
          normed(above, affine) + normed(above + 1u, affine) + normed(below, affine) + normed(below + 1u, affine),
        );
      }
      for (var n = 0u; n < TILE_QUADS; n++) {
        let w = weightsAt(weightAt + n, lane);
        for (var m = 0u; m < TILE_PIXELS; m++) {
          sum[m * TILE_QUADS + n] = added(sum[m * TILE_QUADS + n], w, x[m]);
        }
      }
      q += SPLIT_K;
      planeAt += SPLIT_K * srcPlane;
      weightAt += SPLIT_K * outQuads;
    }
    for (var k = 0u; k < SUMS; k++) {
      sum[k] = carried(sum[k]);
    }
  }

  for (var m = 0u; m < TILE_PIXELS; m++) {
    let pixel = firstPixel + m * WORKGROUP;
    for (var k = 0u; k < TILE_QUADS; k += SPLIT_K) {
      let n = firstQuad + k + split;
      let total = totalOf(&sum, m * TILE_QUADS + k, local) + bias[n];
      if (pixel < params.pixels && n < outQuads) {
        dst[n * params.dstPlane + pixel] = quadOf(total);
      }
    }
  }
}
