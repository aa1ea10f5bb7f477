// Second pass of preprocessing: resampling along y in integers, equal to Pillow's 8-bit path, and normalisation.
//
//   byte[y, x] = clip8((first[y] + Σ_i weight[y, i] · src[start[y] + i, x]) >> 22)
//   dst[image, y, x] = byte · gain + offset; dst[image, x, y] where the first pass read the picture transposed
//
// The crop is part of the taps, as in resize_horizontal.wgsl; padding is normalised like any black pixel.
//
//   src   what resize_horizontal.wgsl stores
//   taps  [start, count, first, weight 0, weight 1, …][row] of i32
//   dst   [image][row][column] of Quad: the network's input, its only channel quad; unused channels have gain, offset 0
//
// One invocation per pixel. Dispatch: (⌈width / WORKGROUP⌉, height).

struct Params {
  gain: vec4f,
  offset: vec4f,
  width: u32,
  height: u32,
  first: u32, // pixels before this image in dst
  transposed: u32, // 1 or 0
}

override WORKGROUP: u32 = 32u;

@group(0) @binding(0) var<storage, read> src: array<u32>;
@group(0) @binding(1) var<storage, read> taps: array<i32>;
@group(0) @binding(2) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let x = group.x * WORKGROUP + lane;
  let y = group.y;
  if (x >= params.width) {
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
  let at = select(y * params.width + x, x * params.height + y, params.transposed == 1u);
  dst[params.first + at] = quadOf(fma(vec4f(vec3f(byte), 0.0), params.gain, params.offset));
}
