// Second pass of preprocessing: resampling along y in integers, equal to Pillow's 8-bit path, and normalisation.
//
//   byte[y, x] = clip8((first[y] + Σ_i weight[y, i] · src[start[y] + i, x]) >> 22)
//   dst[image, y, x] = byte · gain + offset; dst[image, x, y] where the first pass read the image transposed
//
// The crop is part of the taps, as in resize_horizontal.wgsl; padding is normalised like any black pixel.
//
//   src   what resize_horizontal.wgsl stores
//   taps  [start, count, first, weight 0, weight 1, …][row] of i32
//   dst   [image][row][column] of Quad: the network's input, its only channel quad; unused channels have gain, offset 0;
//         around each image a border of zeros
//
// One invocation per pixel and per place in the border. Dispatch: (⌈(width + 2 · border) / WORKGROUP⌉, height + 2 · border).

struct Params {
  gain: vec4f,
  offset: vec4f,
  width: u32,
  height: u32,
  border: u32,
  first: u32, // pixels before this image in dst, borders included
  transposed: u32, // 1 or 0
}

override WORKGROUP: u32 = 32u;

@group(0) @binding(0) var<storage, read> src: array<u32>;
@group(0) @binding(1) var<storage, read> taps: array<i32>;
@group(0) @binding(2) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let stride = vec2u(params.width, params.height) + 2u * params.border;
  let column = group.x * WORKGROUP + lane;
  let row = group.y;
  if (column >= stride.x) {
    return;
  }
  let at = params.first + select(row * stride.x + column, column * stride.y + row, params.transposed == 1u);
  // In the border one wraps around and is too large.
  let x = column - params.border;
  let y = row - params.border;
  if (x >= params.width || y >= params.height) {
    dst[at] = Quad();
    return;
  }
  let start = u32(taps[y]);
  let count = u32(taps[params.height + y]);
  var sum = vec3i(taps[2u * params.height + y]);
  for (var i = 0u; i < count; i++) {
    let bytes = vec3i((vec3u(src[(start + i) * params.width + x]) >> vec3u(0u, 8u, 16u)) & vec3u(0xffu));
    sum += taps[(3u + i) * params.height + y] * bytes;
  }
  let byte = clamp(sum >> vec3u(22u), vec3i(0), vec3i(255));
  dst[at] = quadOf(fma(vec4f(vec3f(byte), 0.0), params.gain, params.offset));
}
