// An NCHW tensor of f32 into the arena's layout.
//
//   dst[c / 4, image, y + border, x + border][c % 4] = src[image, c, y, x], zero past the last channel
//
//   src  [image][channel][row][column] of f32
//   dst  [quad][image][row][column] of Quad, planes dstPlane apart: with a border of zeros around each image
//
// Dispatch: (⌈pixels of one image with its border / WORKGROUP⌉, quads, images).

struct Params {
  width: u32,
  height: u32,
  border: u32,
  channels: u32,
  dstPlane: u32,
}

override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> src: array<f32>;
@group(0) @binding(1) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let stride = params.width + 2u * params.border;
  let pixels = stride * (params.height + 2u * params.border);
  let at = group.x * WORKGROUP + lane;
  if (at >= pixels) {
    return;
  }
  // In the border one wraps around and is too large.
  let x = at % stride - params.border;
  let y = at / stride - params.border;
  var values = vec4f();
  for (var i = 0u; i < 4u; i++) {
    let channel = group.y * 4u + i;
    if (channel < params.channels && x < params.width && y < params.height) {
      values[i] = src[((group.z * params.channels + channel) * params.height + y) * params.width + x];
    }
  }
  dst[group.y * params.dstPlane + group.z * pixels + at] = quadOf(values);
}
