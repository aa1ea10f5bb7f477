// The 3×3 convolution of conv3x3.wgsl for software whose subgroups are a CPU's vectors, with a third fewer multiplications:
// Winograd's F(2, 3) down the columns (Lavin and Gray 2016, section 4.1). Two pixels, one above the other, are sums of
// four products instead of six:
//
//   dst[2y]     = m0 + m1 + m2        m0 = (s0 − s2) · w0
//   dst[2y + 1] = m1 − m2 − m3        m1 = (s1 + s2) · ½ (w0 + w1 + w2)
//                                     m2 = (s2 − s1) · ½ (w0 − w1 + w2)
//                                     m3 = (s1 − s3) · w2
//
// s0 … s3 are the rows of src from the one above the pair on, w0 … w2 those of the filter. The products' filters come
// ready made, twelve for nine taps (src/gpu/software.ts): [output quad][product 4][input quad][column 3][input channel 4].
// Each product is added up over all input channels before the next one's turn. Bindings and the rest as in conv3x3.wgsl;
// tilesX × tilesY are the map's pairs, and tiles those of the whole batch.
//
// A load is a long text there, and a loop with many of them outgrows the cache of instructions. So the text of the loop is
// that of one tap: neighbouring lanes have neighbouring pairs, and what a lane multiplies by the next column of the
// filter is what the next lane has just multiplied, and hands over.
//
// One invocation computes STRIP pairs, SUBGROUP apart, × TILE_QUADS output quads. SUBGROUP is the size of every subgroup
// and of the workgroup.
// Dispatch: (⌈pairs / (SUBGROUP · STRIP)⌉, output tiles).
enable subgroups;

struct Params {
  width: u32,
  height: u32,
  tilesX: u32,
  tilesY: u32,
  tiles: u32, // pairs of the whole batch
  srcPlane: u32,
  dstPlane: u32,
  inQuads: u32,
  outQuads: u32,
}

const STRIP = 4u; // tile
const TILE_QUADS = 4u; // tile
const SUBGROUP = 8u; // tile
const INPUTS = STRIP + 1u;
const LOADS = 4u * TILE_QUADS / SUBGROUP;
override WORKGROUP: u32 = 8u;
override NORM: bool = false;

/// Each product's input is the first row of src, plus or minus the second.
const ROWS = array(vec2u(0u, 2u), vec2u(1u, 2u), vec2u(2u, 1u), vec2u(1u, 3u));

@group(0) @binding(0) var<storage, read> src: array<Quad>;
@group(0) @binding(1) var<storage, read> weights: array<WeightQuad>;
@group(0) @binding(2) var<storage, read> norm: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(5) var<uniform> params: Params;

fn load(at: u32) -> vec4f {
  return vectorOf(src[at]);
}

fn normed(value: vec4f, affine: Norm) -> vec4f {
  if (NORM) {
    return relu(fma(value, affine.scale, affine.shift));
  }
  return value;
}

/// Zero in the rows above and below the map. A row's number is one more than in the map.
fn inside(value: vec4f, row: u32) -> vec4f {
  return select(vec4f(), value, row >= 1u && row <= params.height);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let width = params.width;
  let first = group.x * (SUBGROUP * STRIP) + lane;
  let firstQuad = group.y * TILE_QUADS;
  let next = (lane + 1u) % SUBGROUP;
  let isLast = lane == SUBGROUP - 1u;

  // From the pair to the left on; what lies outside the map is masked below.
  var start: array<u32, INPUTS>;
  var row: array<u32, INPUTS>;
  for (var i = 0u; i < INPUTS; i++) { // unroll
    let pair = clamp(first + i * SUBGROUP, 1u, params.tiles) - 1u;
    row[i] = 2u * (pair / width % params.tilesY);
    start[i] = (pair / (width * params.tilesY) * params.height + row[i]) * width + pair % width - width;
  }
  var column: array<u32, STRIP>;
  for (var x = 0u; x < STRIP; x++) { // unroll
    column[x] = (first + x * SUBGROUP) % width;
  }
  var upper: array<array<vec4f, TILE_QUADS>, STRIP>;
  var lower: array<array<vec4f, TILE_QUADS>, STRIP>;
  for (var n = 0u; n < TILE_QUADS; n++) { // unroll
    let own = bias[firstQuad + n];
    for (var x = 0u; x < STRIP; x++) { // unroll
      upper[x][n] = own;
      lower[x][n] = own;
    }
  }

  let weightRow = 48u * params.inQuads;
  let firstWeight = (firstQuad + lane / 4u) * weightRow + lane % 4u;
  for (var product = 0u; product < 4u; product++) {
    let rows = ROWS[product];
    let sign = select(-1.0, 1.0, product == 1u);
    // By value: left to its declaration, on lavapipe it would keep the last product's.
    var sum = array<array<vec4f, TILE_QUADS>, STRIP>();
    for (var q = 0u; q < params.inQuads; q++) {
      var affine = Norm();
      if (NORM) {
        affine = normOf(q, lane);
      }
      var input: array<vec4f, INPUTS>;
      for (var i = 0u; i < INPUTS; i++) { // unroll
        let at = q * params.srcPlane + start[i];
        let plus = inside(normed(load(at + rows.x * width), affine), row[i] + rows.x);
        let minus = inside(normed(load(at + rows.y * width), affine), row[i] + rows.y);
        input[i] = fma(vec4f(sign), minus, plus);
      }
      var weightAt = firstWeight + (product * params.inQuads + q) * 12u;
      for (var dx = 0u; dx < 3u; dx++) {
        var own: array<vec4f, LOADS>;
        for (var l = 0u; l < LOADS; l++) { // unroll
          own[l] = loadWeight(weightAt + l * SUBGROUP / 4u * weightRow);
        }
        var tap: array<vec4f, STRIP>;
        for (var x = 0u; x < STRIP; x++) { // unroll
          tap[x] = select(vec4f(), input[x], column[x] + dx >= 1u && column[x] + dx <= width);
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
      for (var n = 0u; n < TILE_QUADS; n++) { // unroll
        upper[x][n] += select(vec4f(), sum[x][n], product < 3u);
        lower[x][n] += select(vec4f(), select(-sum[x][n], sum[x][n], product == 1u), product > 0u);
      }
    }
  }

  for (var x = 0u; x < STRIP; x++) { // unroll
    let pair = first + x * SUBGROUP;
    if (pair < params.tiles) {
      let y = 2u * (pair / width % params.tilesY);
      let pixel = (pair / (width * params.tilesY) * params.height + y) * width + column[x];
      for (var n = 0u; n < TILE_QUADS; n++) { // unroll
        if (firstQuad + n < params.outQuads) {
          dst[(firstQuad + n) * params.dstPlane + pixel] = quadOf(upper[x][n]);
          if (y + 1u < params.height) {
            dst[(firstQuad + n) * params.dstPlane + pixel + width] = quadOf(lower[x][n]);
          }
        }
      }
    }
  }
}
