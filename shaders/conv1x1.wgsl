// BN-ReLU-1×1 convolution as an implicit GEMM in registers: the bottleneck of a dense layer (paper, section 3).
//
//   dst[o, p] = relu(bias[o] + Σ_i weight[o, i] · relu(scale[i] · src[i, p] + shift[i]))
//
// The second batch norm of the layer is folded into weight and bias; its ReLU is the one on store.
//
//   src, dst  [quad][plane] of Quad; a plane is the whole batch's pixels of one channel quad, srcPlane/dstPlane apart
//   weights   [output quad][input quad][input channel 4] of WeightQuad
//   norm      [input quad]{scale, shift}
//   bias      [output quad]
//
// One invocation computes TILE_PIXELS pixels, WORKGROUP apart so that loads coalesce, × TILE_QUADS output quads.
// SUBGROUP lanes load one weight quad each and share them by broadcast; it is a power of two that divides
// 4 · TILE_QUADS and is no more than the smallest subgroup; 1 means no sharing. Norms are shared by four lanes.
// STAGED weight quads of each output quad, a multiple of 4, come by way of workgroup memory (parts/staged.wgsl).
// SLICES of a workgroup share out the input quads: s, s + SLICES, … for slice s (parts/sliced.wgsl).
// Dispatch: (⌈pixels / (WORKGROUP · TILE_PIXELS)⌉, output tiles).
enable subgroups; // subgroup

struct Params {
  pixels: u32, // of the whole batch
  srcPlane: u32,
  dstPlane: u32,
  inQuads: u32,
  outQuads: u32,
}

const TILE_PIXELS = 4u; // tile
const TILE_QUADS = 4u; // tile
const SUBGROUP = 4u; // tile
const SLICES = 1u; // tile
const STAGED = 0u; // tile
const LOADS = 4u * TILE_QUADS / SUBGROUP;
override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> src: array<Quad>;
@group(0) @binding(1) var<storage, read> weights: array<WeightQuad>;
@group(0) @binding(2) var<storage, read> norm: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP, SLICES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroupLane: u32, // subgroup
) {
  let firstPixel = group.x * (WORKGROUP * TILE_PIXELS) + lane % WORKGROUP;
  let firstQuad = group.y * TILE_QUADS;
  var slot = 0u;
  slot = subgroupLane % SUBGROUP; // subgroup
  var slice = 0u;
  slice = lane / WORKGROUP; // sliced

  var sum: array<array<vec4f, TILE_QUADS>, TILE_PIXELS>;
  for (var n = 0u; n < TILE_QUADS; n++) { // unroll
    var start = bias[firstQuad + n];
    if (slice > 0u) { start = vec4f(); } // sliced
    for (var m = 0u; m < TILE_PIXELS; m++) { // unroll
      sum[m][n] = start;
    }
  }

  var srcAt = firstPixel + slice * params.srcPlane;
  let weightRow = 4u * params.inQuads;
  var weightAt = (firstQuad + slot / 4u) * weightRow + slot % 4u + 4u * slice;
  for (var q = slice; q < params.inQuads; q += SLICES) {
    if (4u * q % STAGED == 0u) { stage(weightAt, weightRow, lane); } // staged
    let affine = normOf(q, slot);
    var x: array<vec4f, TILE_PIXELS>;
    for (var m = 0u; m < TILE_PIXELS; m++) { // unroll
      x[m] = relu(fma(vectorOf(src[srcAt + m * WORKGROUP]), affine.scale, affine.shift));
    }
    var own: array<vec4f, LOADS>;
    for (var l = 0u; l < LOADS; l++) { // unroll
      own[l] = loadWeight(weightAt + l * SUBGROUP / 4u * weightRow + l * SUBGROUP % 4u); // direct
      own[l] = weightOf(chunk[4u * q % STAGED + l / 4u * STAGED + l % 4u]); // staged
    }
    for (var n = 0u; n < TILE_QUADS; n++) { // unroll
      var weight: array<vec4f, 4>;
      for (var c = 0u; c < 4u; c++) { // unroll
        weight[c] = subgroupBroadcast(own[(4u * n + c) / SUBGROUP], (4u * n + c) % SUBGROUP);
      }
      for (var m = 0u; m < TILE_PIXELS; m++) { // unroll
        for (var c = 0u; c < 4u; c++) { // unroll
          sum[m][n] = fma(vec4f(x[m][c]), weight[c], sum[m][n]);
        }
      }
    }
    srcAt += SLICES * params.srcPlane;
    weightAt += 4u * SLICES;
  }

  for (var m = 0u; m < TILE_PIXELS; m++) { // unroll sliced
    for (var n = 0u; n < TILE_QUADS; n++) { // unroll sliced
      sum[m][n] = totalOf(sum[m][n], lane); // sliced
    } // sliced
  } // sliced
  if (slice > 0u) { return; } // sliced
  for (var m = 0u; m < TILE_PIXELS; m++) { // unroll
    let pixel = firstPixel + m * WORKGROUP;
    for (var n = 0u; n < TILE_QUADS; n++) { // unroll
      if (pixel < params.pixels && firstQuad + n < params.outQuads) {
        dst[(firstQuad + n) * params.dstPlane + pixel] = quadOf(relu(sum[m][n]));
      }
    }
  }
}
