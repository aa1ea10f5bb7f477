// BN-ReLU-1×1 convolution: the bottleneck of a dense layer (paper, section 3).
//
//   dst[o, p] = relu(bias[o] + Σ_i weight[o, i] · relu(scale[i] · src[i, p] + shift[i]))
//
// The layer's second batch norm is folded into weight and bias. scale and shift are stored halved: see twiceRelu.
//
//   src      [quad][plane] of Quad; a plane is the whole batch's pixels of one channel quad, srcPlane apart
//   weights  [input quad][output quad] of StoredWeights
//   norm     [input quad]
//   bias     [output quad]
//   dst      [quad][image][row][column] of Quad, planes dstPlane apart: with a border of one zero around each image
//
// One invocation computes TILE_PIXELS pixels, WORKGROUP apart so that loads coalesce, × TILE_QUADS output quads.
// Split number s of SPLIT_K adds up the input quads s, s + SPLIT_K, …; SPLIT_K divides TILE_QUADS.
// Dispatch: (⌈pixels / (WORKGROUP · TILE_PIXELS)⌉, output tiles).

struct Params {
  pixels: u32, // of the whole batch
  width: u32,
  height: u32,
  srcPlane: u32,
  dstPlane: u32,
  inQuads: u32,
  outQuads: u32,
  border: u32, // pixels of a plane of dst whose border is to be cleared: all in a block's first layer, else 0
}

const SUMS = TILE_PIXELS * TILE_QUADS;

@group(0) @binding(0) var<storage, read> src: array<Quad>;
@group(0) @binding(1) var<storage, read> weights: array<StoredWeights>;
@group(0) @binding(2) var<storage, read> norm: array<Norm>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP, SPLIT_K)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let firstPixel = group.x * WORKGROUP * TILE_PIXELS + local.x;
  let firstQuad = group.y * TILE_QUADS;
  let split = splitOf(local);
  let lane = laneOf();
  let srcPlane = params.srcPlane;
  let outQuads = params.outQuads;

  var sum: array<Sum, SUMS>;
  var q = split;
  var srcAt = firstPixel + split * srcPlane;
  var weightAt = firstQuad + split * outQuads;
  for (var turns = turnsOf(params.inQuads, split); turns > 0u; turns -= min(turns, CARRY)) {
    for (var left = min(turns, CARRY); left > 0u; left--) {
      let affine = normAt(q, lane);
      var x: array<Input, TILE_PIXELS>;
      for (var m = 0u; m < TILE_PIXELS; m++) {
        x[m] = inputOf(twiceRelu(fma(vectorOf(src[srcAt + m * WORKGROUP]), affine.scale, affine.shift)));
      }
      for (var n = 0u; n < TILE_QUADS; n++) {
        let w = weightsAt(weightAt + n, lane);
        for (var m = 0u; m < TILE_PIXELS; m++) {
          sum[m * TILE_QUADS + n] = added(sum[m * TILE_QUADS + n], w, x[m]);
        }
      }
      q += SPLIT_K;
      srcAt += SPLIT_K * srcPlane;
      weightAt += SPLIT_K * outQuads;
    }
    for (var k = 0u; k < SUMS; k++) {
      sum[k] = carried(sum[k]);
    }
  }

  let stride = params.width + 2u;
  for (var m = 0u; m < TILE_PIXELS; m++) {
    let pixel = firstPixel + m * WORKGROUP;
    let line = pixel / params.width; // of the whole batch
    let at = pixel + 2u * line + (2u * (line / params.height) + 1u) * stride + 1u;
    for (var k = 0u; k < TILE_QUADS; k += SPLIT_K) {
      let n = firstQuad + k + split;
      let total = totalOf(&sum, m * TILE_QUADS + k, local) + bias[n];
      if (pixel < params.pixels && n < outQuads) {
        dst[n * params.dstPlane + at] = quadOf(relu(total));
      }
    }
  }

  for (var at = group.x * WORKGROUP + local.x; at < params.border; at += groups.x * WORKGROUP) {
    let column = at % stride;
    let row = at / stride % (params.height + 2u);
    let isInside = column >= 1u && column <= params.width && row >= 1u && row <= params.height;
    for (var n = firstQuad + split; n < min(firstQuad + TILE_QUADS, outQuads) && !isInside; n += SPLIT_K) {
      dst[n * params.dstPlane + at] = Quad();
    }
  }
}
