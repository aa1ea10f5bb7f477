// 3×3 convolution, stride 1, zero padding 1, into the channel slice that a dense layer adds to its block (paper, eq. 2):
// the concatenation happens by where the result is written.
//
//   dst[o, y, x] = bias[o] + Σ_i Σ_{dy, dx} weight[o, i, dy, dx] · input[i, y + dy − 1, x + dx − 1]
//
// input is src as it is (behind a bottleneck, whose ReLU was applied on store), or with NORM, in nets without
// bottlenecks, relu(scale[i] · src[i] + shift[i]); the padding is zero after the ReLU.
//
//   src, dst  [quad][plane] of Quad, as in conv1x1.wgsl; dst starts at the layer's slice
//   weights   [output quad][input quad][tap 9][input channel 4] of WeightQuad
//   norm      [input quad]{scale, shift}, read with NORM only
//
// One invocation computes TILE_X × TILE_Y pixels × TILE_QUADS output quads, TAP_ROWS (3 or 1) rows of the filter at a
// time: 3 loads each input once, 1 is a third of the text to compile. SUBGROUP, STAGED (12 · TAP_ROWS) and SLICES as in
// conv1x1.wgsl; an input quad's rows of taps are shared out one by one.
// Dispatch: (⌈tiles / WORKGROUP⌉, output tiles), the tiles counted over the whole batch.
enable subgroups; // subgroup

struct Params {
  width: u32,
  height: u32,
  tilesX: u32, // tiles in a row
  tilesY: u32, // rows of tiles in an image
  tiles: u32, // in the batch
  srcPlane: u32,
  dstPlane: u32,
  inQuads: u32,
  outQuads: u32,
}

const TILE_X = 2u; // tile
const TILE_Y = 2u; // tile
const TILE_QUADS = 2u; // tile
const TAP_ROWS = 3u; // tile
const SUBGROUP = 4u; // tile
const SLICES = 1u; // tile
const STAGED = 0u; // tile
const COLUMNS = TILE_X + 2u;
const ROWS = TILE_Y + TAP_ROWS - 1u;
const BANDS = 3u / TAP_ROWS;
const LOADS = 4u * TILE_QUADS / SUBGROUP;
override WORKGROUP: u32 = 64u;
override NORM: bool = false;

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
  let tile = group.x * WORKGROUP + lane % WORKGROUP;
  let firstQuad = group.y * TILE_QUADS;
  var slot = 0u;
  slot = subgroupLane % SUBGROUP; // subgroup
  var slice = 0u;
  slice = lane / WORKGROUP; // sliced

  let x0 = tile % params.tilesX * TILE_X;
  let y0 = tile / params.tilesX % params.tilesY * TILE_Y;
  let image = tile / (params.tilesX * params.tilesY);
  let origin = image * params.height * params.width;

  // The column of every input, the one to the left first; outside the map columns and rows are masked and clamped.
  var columnAt: array<u32, COLUMNS>;
  var columnIn: array<bool, COLUMNS>;
  for (var i = 0u; i < COLUMNS; i++) { // unroll
    columnIn[i] = x0 + i >= 1u && x0 + i <= params.width;
    columnAt[i] = max(min(x0 + i, params.width), 1u) - 1u;
  }

  var sum: array<array<array<vec4f, TILE_QUADS>, TILE_X>, TILE_Y>;
  for (var n = 0u; n < TILE_QUADS; n++) { // unroll
    var start = bias[firstQuad + n];
    if (slice > 0u) { start = vec4f(); } // sliced
    for (var y = 0u; y < TILE_Y; y++) { // unroll
      for (var x = 0u; x < TILE_X; x++) { // unroll
        sum[y][x][n] = start;
      }
    }
  }

  let weightRow = 36u * params.inQuads;
  var weightAt = (firstQuad + slot / 4u) * weightRow + slot % 4u + 12u * TAP_ROWS * slice;
  for (var step = slice; step < params.inQuads * BANDS; step += SLICES) {
    stage(weightAt, weightRow, lane); // staged
    let q = step / BANDS;
    let firstRow = y0 + step % BANDS * TAP_ROWS; // one too far down, so that it cannot be negative
    var affine = Norm();
    if (NORM) {
      affine = normOf(q, slot);
    }
    var input: array<array<vec4f, COLUMNS>, ROWS>;
    for (var j = 0u; j < ROWS; j++) { // unroll
      let row = firstRow + j;
      let rowIn = row >= 1u && row <= params.height;
      let rowAt = q * params.srcPlane + origin + (max(min(row, params.height), 1u) - 1u) * params.width;
      for (var i = 0u; i < COLUMNS; i++) { // unroll
        var value = vectorOf(src[rowAt + columnAt[i]]);
        if (NORM) {
          value = relu(fma(value, affine.scale, affine.shift));
        }
        input[j][i] = select(vec4f(), value, rowIn && columnIn[i]);
      }
    }
    for (var dy = 0u; dy < TAP_ROWS; dy++) { // unroll
      for (var dx = 0u; dx < 3u; dx++) { // unroll
        var own: array<vec4f, LOADS>;
        for (var l = 0u; l < LOADS; l++) { // unroll
          own[l] = loadWeight(weightAt + (3u * dy + dx) * 4u + l * SUBGROUP / 4u * weightRow + l * SUBGROUP % 4u); // direct
          own[l] = weightOf(chunk[(3u * dy + dx) * 4u + l / 4u * STAGED + l % 4u]); // staged
        }
        for (var n = 0u; n < TILE_QUADS; n++) { // unroll
          var weight: array<vec4f, 4>;
          for (var c = 0u; c < 4u; c++) { // unroll
            weight[c] = subgroupBroadcast(own[(4u * n + c) / SUBGROUP], (4u * n + c) % SUBGROUP);
          }
          for (var y = 0u; y < TILE_Y; y++) { // unroll
            for (var x = 0u; x < TILE_X; x++) { // unroll
              for (var c = 0u; c < 4u; c++) { // unroll
                sum[y][x][n] = fma(vec4f(input[y + dy][x + dx][c]), weight[c], sum[y][x][n]);
              }
            }
          }
        }
      }
    }
    weightAt += 12u * TAP_ROWS * SLICES;
  }

  for (var y = 0u; y < TILE_Y; y++) { // unroll sliced
    for (var x = 0u; x < TILE_X; x++) { // unroll sliced
      for (var n = 0u; n < TILE_QUADS; n++) { // unroll sliced
        sum[y][x][n] = totalOf(sum[y][x][n], lane); // sliced
      } // sliced
    } // sliced
  } // sliced
  if (slice > 0u) { return; } // sliced
  for (var y = 0u; y < TILE_Y; y++) { // unroll
    for (var x = 0u; x < TILE_X; x++) { // unroll
      let pixel = origin + (y0 + y) * params.width + x0 + x;
      if (tile < params.tiles && x0 + x < params.width && y0 + y < params.height) {
        for (var n = 0u; n < TILE_QUADS; n++) { // unroll
          if (firstQuad + n < params.outQuads) {
            dst[(firstQuad + n) * params.dstPlane + pixel] = quadOf(sum[y][x][n]);
          }
        }
      }
    }
  }
}
