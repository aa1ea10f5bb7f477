// Transition: BN-ReLU-1×1 convolution-average pool 2×2 stride 2 (paper, section 3, "Pooling layers"), pool first.
//
// The pool and the 1×1 convolution are both linear and act on different axes, so they commute: pooling first leaves a
// quarter of the pixels to convolve.
//
//   dst[o, p] = bias[o] + Σ_i weight[o, i] · ¼ Σ_{2×2 window of p} relu(scale[i] · src[i, ·] + shift[i])
//
// Layouts, tile and dispatch as in conv1x1.wgsl, over the pixels of the pooled map; an odd last row or column of the
// source is left out, as PyTorch's AvgPool2d does.
enable subgroups; // subgroup

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

const TILE_PIXELS = 2u; // tile
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

fn normRelu(at: u32, affine: Norm) -> vec4f {
  return relu(fma(vectorOf(src[at]), affine.scale, affine.shift));
}

/// Index, in a plane of the source, of the first pixel of the window of pooled pixel `pixel` (of the whole batch).
fn windowOf(pixel: u32) -> u32 {
  let x = pixel % params.width;
  let row = pixel / params.width;
  let y = row % params.height;
  let image = row / params.height;
  return (image * params.srcHeight + 2u * y) * params.srcWidth + 2u * x;
}

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

  var window: array<u32, TILE_PIXELS>;
  for (var m = 0u; m < TILE_PIXELS; m++) { // unroll
    window[m] = windowOf(firstPixel + m * WORKGROUP);
  }
  var sum: array<array<vec4f, TILE_QUADS>, TILE_PIXELS>;
  for (var n = 0u; n < TILE_QUADS; n++) { // unroll
    var start = bias[firstQuad + n];
    if (slice > 0u) { start = vec4f(); } // sliced
    for (var m = 0u; m < TILE_PIXELS; m++) { // unroll
      sum[m][n] = start;
    }
  }

  let weightRow = 4u * params.inQuads;
  var weightAt = (firstQuad + slot / 4u) * weightRow + slot % 4u + 4u * slice;
  for (var q = slice; q < params.inQuads; q += SLICES) {
    if (4u * q % STAGED == 0u) { stage(weightAt, weightRow, lane); } // staged
    let affine = normOf(q, slot);
    let plane = q * params.srcPlane;
    var x: array<vec4f, TILE_PIXELS>;
    for (var m = 0u; m < TILE_PIXELS; m++) { // unroll
      let at = plane + window[m];
      let below = at + params.srcWidth;
      x[m] = 0.25 * (normRelu(at, affine) + normRelu(at + 1u, affine)
        + normRelu(below, affine) + normRelu(below + 1u, affine));
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
        dst[(firstQuad + n) * params.dstPlane + pixel] = quadOf(sum[m][n]);
      }
    }
  }
}
