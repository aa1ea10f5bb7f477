// 3×3 convolution, stride 1, zero padding 1, into the channel slice that a dense layer adds to its block (paper, eq. 2):
// the concatenation happens by where the result is written.
//
//   dst[o, y, x] = bias[o] + Σ_i Σ_{dy, dx} weight[o, i, dy, dx] · input[i, y + dy − 1, x + dx − 1]
//
// Behind a bottleneck input is src, stored with a border of zeros (parts/bordered.wgsl); in nets without bottlenecks it is
// the normed block itself (parts/normed.wgsl).
//
//   weights  [input quad][row 3][output quad][column 3] of StoredWeights
//   norm     [input quad], read by parts/normed.wgsl only
//   bias     [output quad]
//   dst      [quad][plane] of Quad, from the layer's slice on
//
// One invocation computes TILE_PIXELS pixels of a row × TILE_QUADS output quads, one row of the filter at a time.
// SPLIT_K as in conv1x1.wgsl, but it divides TILE_PIXELS · TILE_QUADS.
// Dispatch: (⌈tiles / WORKGROUP⌉, output tiles), the tiles counted over the whole batch.

struct Params {
  width: u32,
  height: u32,
  tilesX: u32, // tiles in a row
  tiles: u32, // in the batch
  srcWidth: u32, // from row to row of src
  srcGap: u32, // rows between two images of src
  srcLead: u32, // from a tile's first input to its first pixel; 0 where src has a border
  srcPlane: u32,
  dstPlane: u32,
  inQuads: u32,
  outQuads: u32,
}

const SUMS = TILE_PIXELS * TILE_QUADS;
const COLUMNS = TILE_PIXELS + 2u;

@group(0) @binding(1) var<storage, read> weights: array<StoredWeights>;
@group(0) @binding(2) var<storage, read> norm: array<Norm>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP, SPLIT_K)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let tile = group.x * WORKGROUP + local.x;
  let firstQuad = group.y * TILE_QUADS;
  let split = splitOf(local);
  let lane = laneOf();
  let x0 = tile % params.tilesX * TILE_PIXELS;
  let line = tile / params.tilesX; // of the whole batch
  let image = line / params.height;
  let y = line % params.height;
  let srcWidth = params.srcWidth;
  let outQuads = params.outQuads;

  var sum: array<Sum, SUMS>;
  var q = split;
  var row = 0u; // of the filter
  var srcAt = split * params.srcPlane + (line + image * params.srcGap) * srcWidth + x0 - params.srcLead;
  var weightAt = 3u * (firstQuad + split * 3u * outQuads);
  for (var turns = 3u * turnsOf(params.inQuads, split); turns > 0u; turns--) {
    let affine = affineAt(q, lane);
    var input: array<Input, COLUMNS>;
    for (var i = 0u; i < COLUMNS; i++) {
      input[i] = inputAt(srcAt + i, affine, vec2u(x0 + i, y + row));
    }
    for (var n = 0u; n < TILE_QUADS; n++) {
      for (var dx = 0u; dx < 3u; dx++) {
        let w = weightsAt(weightAt + 3u * n + dx, lane);
        for (var x = 0u; x < TILE_PIXELS; x++) {
          sum[x * TILE_QUADS + n] = added(sum[x * TILE_QUADS + n], w, input[x + dx]);
        }
      }
    }
    row++;
    srcAt += srcWidth;
    weightAt += 3u * outQuads;
    if (row == 3u) {
      row = 0u;
      q += SPLIT_K;
      srcAt += SPLIT_K * params.srcPlane - 3u * srcWidth;
      weightAt += (SPLIT_K - 1u) * 9u * outQuads;
      for (var k = 0u; k < SUMS; k++) {
        sum[k] = carried(sum[k]);
      }
    }
  }

  for (var k = 0u; k < SUMS; k += SPLIT_K) {
    let x = x0 + (k + split) / TILE_QUADS;
    let n = firstQuad + (k + split) % TILE_QUADS;
    let total = totalOf(&sum, k, local) + bias[n];
    if (tile < params.tiles && x < params.width && n < outQuads) {
      dst[n * params.dstPlane + line * params.width + x] = quadOf(total);
    }
  }
}
