// The network's first convolution: 7×7 stride 2 padding 3 (ImageNet) or 3×3 stride 1 padding 1 (CIFAR), paper, Table 1.
//
//   dst[o, y, x] = max(floor, bias[o] + Σ_i Σ_{dy, dx} weight[o, i, dy, dx] · src[i, S·y + dy − P, S·x + dx − P])
//
// A batch norm behind it is folded into weight and bias, its ReLU is floor = 0; without one floor is −∞.
//
//   src      [quad][image][row][column] of Quad: the input with a border of P zeros around each image
//   weights  [input quad][row KERNEL][output quad][column KERNEL][input channel CHANNELS] of WeightQuad
//   bias     [output quad]
//   dst      [quad][plane] of Quad
//
// CHANNELS is 4, or less where the input's only quad is part filled (3 for RGB, 1 for gray).
// One invocation computes TILE_PIXELS pixels of a row × TILE_QUADS output quads, one row of the filter at a time.
// Dispatch: (⌈tiles / WORKGROUP⌉, output tiles), the tiles counted over the whole batch.

struct Params {
  width: u32, // of dst
  height: u32, // of dst
  tilesX: u32, // tiles in a row
  tiles: u32, // in the batch
  srcWidth: u32, // with the border
  srcHeight: u32, // with the border
  srcPlane: u32,
  dstPlane: u32,
  inQuads: u32,
  outQuads: u32,
  floor: f32,
}

const SUMS = TILE_PIXELS * TILE_QUADS;
const COLUMNS = TILE_PIXELS * STRIDE + KERNEL - STRIDE;

@group(0) @binding(0) var<storage, read> src: array<Quad>;
@group(0) @binding(1) var<storage, read> weights: array<WeightQuad>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let tile = group.x * WORKGROUP + local.x;
  let firstQuad = group.y * TILE_QUADS;
  let lane = laneOf();
  let x0 = tile % params.tilesX * TILE_PIXELS;
  let line = tile / params.tilesX; // of the whole batch
  let row0 = line / params.height * params.srcHeight + line % params.height * STRIDE;
  let srcWidth = params.srcWidth;
  let outQuads = params.outQuads;

  var sum: array<vec4f, SUMS>;
  var srcAt = row0 * srcWidth + x0 * STRIDE;
  var weightAt = KERNEL * firstQuad;
  for (var turns = params.inQuads; turns > 0u; turns--) {
    for (var row = KERNEL; row > 0u; row--) {
      var input: array<vec4f, COLUMNS>;
      for (var i = 0u; i < COLUMNS; i++) {
        input[i] = vectorOf(src[srcAt + i]);
      }
      for (var n = 0u; n < TILE_QUADS; n++) {
        for (var dx = 0u; dx < KERNEL; dx++) {
          let w = tapAt(weightAt + KERNEL * n + dx, lane);
          for (var x = 0u; x < TILE_PIXELS; x++) {
            for (var c = 0u; c < CHANNELS; c++) {
              sum[x * TILE_QUADS + n] = fma(vec4f(input[x * STRIDE + dx][c]), w[c], sum[x * TILE_QUADS + n]);
            }
          }
        }
      }
      srcAt += srcWidth;
      weightAt += KERNEL * outQuads;
    }
    srcAt += params.srcPlane - KERNEL * srcWidth;
  }

  let floor = vec4f(params.floor);
  for (var x = 0u; x < TILE_PIXELS; x++) {
    for (var n = 0u; n < TILE_QUADS; n++) {
      let total = sum[x * TILE_QUADS + n] + bias[firstQuad + n];
      if (tile < params.tiles && x0 + x < params.width && firstQuad + n < outQuads) {
        dst[(firstQuad + n) * params.dstPlane + line * params.width + x0 + x] = quadOf(select(total, floor, total < floor));
      }
    }
  }
}
