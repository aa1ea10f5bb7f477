// First pass of preprocessing: channel order and resampling along x, in integers, equal to Pillow's 8-bit path.
//
//   dst[y, x] = clip8((first[x] + Σ_i weight[x, i] · order(image[firstRow + y, start[x] + i])) >> 22)
//
// The crop is part of the taps: columns outside the image have none and come out as zeros (padding).
// Alpha is left out, not multiplied in, as Pillow's convert('RGB') does. A transposed image has x for y, so that this
// pass resamples its rows first, as Pillow does with tall pictures.
//
//   image  8-bit values, read as value / 255; what a wider format holds is rounded to them
//   taps     [start, count, first, weight 0, weight 1, …][column] of i32
//   dst      [row][column] of red | green << 8 | blue << 16, in the network's channel order; grey in the lowest byte
//
// ORDER is 0 for RGB, 1 for BGR, 2 for grey: ITU-R 601-2 luma as Pillow's convert('L'), 3 for the mean of the three.
// One invocation per column and row. Dispatch: (⌈width / WORKGROUP⌉, rows).

struct Params {
  width: u32, // of dst
  firstRow: u32,
  transposed: u32, // 1 or 0
}

override ORDER: u32 = 0u;
override WORKGROUP: u32 = 32u;

@group(0) @binding(0) var image: texture_2d<f32>;
@group(0) @binding(1) var<storage, read> taps: array<i32>;
@group(0) @binding(2) var<storage, read_write> dst: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

fn pixelAt(at: vec2u) -> vec3i {
  let seen = select(at, at.yx, params.transposed == 1u);
  let rgb = vec3i(round(saturate(textureLoad(image, seen, 0).rgb) * 255.0));
  if (ORDER == 1u) {
    return rgb.bgr;
  }
  if (ORDER == 2u) {
    return vec3i((dot(rgb, vec3i(19595, 38470, 7471)) + 0x8000) >> 16u, 0, 0);
  }
  if (ORDER == 3u) {
    return vec3i((rgb.r + rgb.g + rgb.b + 1) / 3, 0, 0);
  }
  return rgb;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let x = group.x * WORKGROUP + lane;
  if (x >= params.width) {
    return;
  }
  let start = u32(taps[x]);
  let count = u32(taps[params.width + x]);
  var sum = vec3i(taps[2u * params.width + x]);
  for (var i = 0u; i < count; i++) {
    sum += taps[(3u + i) * params.width + x] * pixelAt(vec2u(start + i, params.firstRow + group.y));
  }
  let bytes = vec3u(clamp(sum >> vec3u(22u), vec3i(0), vec3i(255)));
  dst[group.y * params.width + x] = bytes.r | (bytes.g << 8u) | (bytes.b << 16u);
}
