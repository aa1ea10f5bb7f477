// The network's first convolution: 7×7 stride 2 padding 3 (ImageNet) or 3×3 stride 1 padding 1 (CIFAR), paper, Table 1.
//
//   dst[o, y, x] = max(floor, bias[o] + Σ_i Σ_{dy, dx} weight[o, i, dy, dx] · src[i, S·y + dy − P, S·x + dx − P])
//
// A batch norm behind it is folded into weight and bias, its ReLU is floor = 0; without one floor is −∞.
//
//   src, dst  [quad][plane] of Quad, as in conv1x1.wgsl; src holds the picture, its last quad padded with zeros
//   weights   [output quad][input quad][row KERNEL][column KERNEL][input channel CHANNELS] of WeightQuad
//
// CHANNELS is 4, or less where the picture's only quad is part filled (3 for RGB, 1 for grey).
// One invocation computes TILE_X pixels of a row × TILE_QUADS output quads. SUBGROUP lanes share their weights, each
// holding those of every SUBGROUP-th output quad; it divides TILE_QUADS and is no more than the smallest subgroup.
// Dispatch: (⌈tiles / WORKGROUP⌉, output tiles), the tiles counted over the whole batch.
enable subgroups; // subgroup

struct Params {
  width: u32, // of dst
  height: u32, // of dst
  srcWidth: u32,
  srcHeight: u32,
  tilesX: u32, // tiles in a row
  tiles: u32, // in the batch
  srcPlane: u32,
  dstPlane: u32,
  inQuads: u32,
  outQuads: u32,
  floor: f32,
}

const KERNEL = 7u; // tile
const STRIDE = 2u; // tile
const CHANNELS = 3u; // tile
const TILE_X = 4u; // tile
const TILE_QUADS = 4u; // tile
const SUBGROUP = 4u; // tile
const LOADS = CHANNELS * TILE_QUADS / SUBGROUP;
const PADDING = KERNEL / 2u;
const COLUMNS = TILE_X * STRIDE + KERNEL - STRIDE;
override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> src: array<Quad>;
@group(0) @binding(1) var<storage, read> weights: array<WeightQuad>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroupLane: u32, // subgroup
) {
  let tile = group.x * WORKGROUP + lane;
  let firstQuad = group.y * TILE_QUADS;
  var slot = 0u;
  slot = subgroupLane % SUBGROUP; // subgroup
  let x0 = tile % params.tilesX * TILE_X;
  let row = tile / params.tilesX; // of the whole batch
  let y = row % params.height;
  let image = row / params.height;

  var sum: array<array<vec4f, TILE_QUADS>, TILE_X>;
  for (var n = 0u; n < TILE_QUADS; n++) { // unroll
    let start = bias[firstQuad + n];
    for (var x = 0u; x < TILE_X; x++) { // unroll
      sum[x][n] = start;
    }
  }

  let weightRow = params.inQuads * (KERNEL * KERNEL * CHANNELS);
  var weightAt = (firstQuad + slot) * weightRow;
  for (var step = 0u; step < params.inQuads * KERNEL; step++) {
    let q = step / KERNEL;
    let dy = step % KERNEL;
    let srcY = y * STRIDE + dy; // one padding too far down, so that it cannot be negative
    let rowIn = srcY >= PADDING && srcY < params.srcHeight + PADDING;
    let rowAt = q * params.srcPlane
      + (image * params.srcHeight + clamp(srcY, PADDING, params.srcHeight + PADDING - 1u) - PADDING) * params.srcWidth;
    var input: array<vec4f, COLUMNS>;
    for (var i = 0u; i < COLUMNS; i++) { // unroll
      let srcX = x0 * STRIDE + i;
      let columnIn = srcX >= PADDING && srcX < params.srcWidth + PADDING;
      let at = rowAt + clamp(srcX, PADDING, params.srcWidth + PADDING - 1u) - PADDING;
      input[i] = select(vec4f(), vectorOf(src[at]), rowIn && columnIn);
    }
    for (var dx = 0u; dx < KERNEL; dx++) { // unroll
      var own: array<vec4f, LOADS>;
      for (var l = 0u; l < LOADS; l++) { // unroll
        own[l] = loadWeight(weightAt + l / CHANNELS * SUBGROUP * weightRow + dx * CHANNELS + l % CHANNELS);
      }
      for (var n = 0u; n < TILE_QUADS; n++) { // unroll
        var weight: array<vec4f, CHANNELS>;
        for (var c = 0u; c < CHANNELS; c++) { // unroll
          weight[c] = subgroupBroadcast(own[n / SUBGROUP * CHANNELS + c], n % SUBGROUP);
        }
        for (var x = 0u; x < TILE_X; x++) { // unroll
          for (var c = 0u; c < CHANNELS; c++) { // unroll
            sum[x][n] = fma(vec4f(input[x * STRIDE + dx][c]), weight[c], sum[x][n]);
          }
        }
      }
    }
    weightAt += KERNEL * CHANNELS;
  }

  for (var x = 0u; x < TILE_X; x++) { // unroll
    if (tile < params.tiles && x0 + x < params.width) {
      let pixel = row * params.width + x0 + x;
      for (var n = 0u; n < TILE_QUADS; n++) { // unroll
        if (firstQuad + n < params.outQuads) {
          dst[(firstQuad + n) * params.dstPlane + pixel] = quadOf(select(sum[x][n], vec4f(params.floor), sum[x][n] < vec4f(params.floor)));
        }
      }
    }
  }
}
