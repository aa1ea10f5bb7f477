// The 3×3 convolution of conv3x3.wgsl in strips of pixels, for software whose subgroups are a CPU's vectors: the same
// formula, layouts and bindings; tilesX × tilesY are the map's size, and tiles its pixels over the whole batch.
//
// A load is a long text there, and a loop with many of them outgrows the cache of instructions. So the text of the loop is
// that of one tap: neighbouring lanes have neighbouring pixels, and what a lane multiplies by the next column of the
// filter is what the next lane has just multiplied, and hands over.
//
// One invocation computes STRIP pixels, SUBGROUP apart, × TILE_QUADS output quads. SUBGROUP is the size of every subgroup
// and of the workgroup.
// Dispatch: (⌈pixels / (SUBGROUP · STRIP)⌉, output tiles).
enable subgroups;

struct Params {
  width: u32,
  height: u32,
  tilesX: u32,
  tilesY: u32,
  tiles: u32, // pixels of the whole batch
  srcPlane: u32,
  dstPlane: u32,
  inQuads: u32,
  outQuads: u32,
  firstWeight: u32,
}

const STRIP = 4u; // tile
const TILE_QUADS = 4u; // tile
const SUBGROUP = 8u; // tile
const INPUTS = STRIP + 1u;
const LOADS = 4u * TILE_QUADS / SUBGROUP;
override WORKGROUP: u32 = 8u;
override NORM: bool = false;

@group(0) @binding(0) var<storage, read> src: array<Quad>;
@group(0) @binding(1) var<storage, read> weights: array<WeightQuad>;
@group(0) @binding(2) var<storage, read> norm: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let width = params.width;
  let first = group.x * (SUBGROUP * STRIP) + lane;
  let firstQuad = group.y * TILE_QUADS;
  let next = (lane + 1u) % SUBGROUP;
  let isLast = lane == SUBGROUP - 1u;

  var column: array<u32, STRIP>;
  var row: array<u32, STRIP>;
  for (var x = 0u; x < STRIP; x++) { // unroll
    column[x] = (first + x * SUBGROUP) % width;
    row[x] = (first + x * SUBGROUP) / width % params.height;
  }
  var sum: array<array<vec4f, TILE_QUADS>, STRIP>;
  for (var n = 0u; n < TILE_QUADS; n++) { // unroll
    let start = bias[firstQuad + n];
    for (var x = 0u; x < STRIP; x++) { // unroll
      sum[x][n] = start;
    }
  }

  let weightRow = 36u * params.inQuads;
  var weightAt = (firstQuad + lane / 4u) * weightRow + lane % 4u;
  for (var step = 0u; step < 3u * params.inQuads; step++) {
    let q = step / 3u;
    let dy = step % 3u;
    var affine = Norm();
    if (NORM) {
      affine = normOf(q, lane);
    }
    // From the pixel above to the left on; what lies outside the map is masked below.
    var input: array<vec4f, INPUTS>;
    for (var i = 0u; i < INPUTS; i++) { // unroll
      let at = clamp(first + i * SUBGROUP + dy * width, width + 1u, params.tiles + width) - width - 1u;
      input[i] = vectorOf(src[q * params.srcPlane + at]);
      if (NORM) {
        input[i] = relu(fma(input[i], affine.scale, affine.shift));
      }
    }
    var rowIn: array<bool, STRIP>;
    for (var x = 0u; x < STRIP; x++) { // unroll
      rowIn[x] = row[x] + dy >= 1u && row[x] + dy <= params.height;
    }
    for (var dx = 0u; dx < 3u; dx++) {
      var own: array<vec4f, LOADS>;
      for (var l = 0u; l < LOADS; l++) { // unroll
        own[l] = loadWeight(weightAt + l * SUBGROUP / 4u * weightRow);
      }
      var tap: array<vec4f, STRIP>;
      for (var x = 0u; x < STRIP; x++) { // unroll
        tap[x] = select(vec4f(), input[x], rowIn[x] && column[x] + dx >= 1u && column[x] + dx <= width);
      }
      for (var n = 0u; n < TILE_QUADS; n++) { // unroll
        var weight: array<vec4f, 4>;
        for (var c = 0u; c < 4u; c++) { // unroll
          weight[c] = subgroupBroadcast(own[(4u * n + c) / SUBGROUP], (4u * n + c) % SUBGROUP);
        }
        for (var x = 0u; x < STRIP; x++) { // unroll
          for (var c = 0u; c < 4u; c++) { // unroll
            sum[x][n] = fma(vec4f(tap[x][c]), weight[c], sum[x][n]);
          }
        }
      }
      var handed: array<vec4f, INPUTS>;
      for (var i = 0u; i < INPUTS; i++) { // unroll
        handed[i] = subgroupShuffle(input[i], next);
      }
      for (var x = 0u; x < STRIP; x++) { // unroll
        input[x] = select(handed[x], handed[x + 1u], isLast);
      }
      input[STRIP] = handed[STRIP];
      weightAt += 4u;
    }
  }

  for (var x = 0u; x < STRIP; x++) { // unroll
    let pixel = first + x * SUBGROUP;
    if (pixel < params.tiles) {
      for (var n = 0u; n < TILE_QUADS; n++) { // unroll
        if (firstQuad + n < params.outQuads) {
          dst[(firstQuad + n) * params.dstPlane + pixel] = quadOf(sum[x][n]);
        }
      }
    }
  }
}
