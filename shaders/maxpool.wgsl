// Max pool 3×3 stride 2 padding 1, behind the ImageNet stem (paper, Table 1).
//
//   dst[c, y, x] = max over the window of src[c, 2y − 1 … 2y + 1, 2x − 1 … 2x + 1], padding left out
//
// src, dst as in conv1x1.wgsl. One invocation per pooled pixel and channel quad; pixels counted over the whole batch.
// Dispatch: (⌈pixels / WORKGROUP⌉, quads).

struct Params {
  pixels: u32, // of the whole batch, pooled
  width: u32, // pooled
  height: u32, // pooled
  srcWidth: u32,
  srcHeight: u32,
  srcPlane: u32,
  dstPlane: u32,
}

override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> src: array<Quad>;
@group(0) @binding(1) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let pixel = group.x * WORKGROUP + lane;
  if (pixel >= params.pixels) {
    return;
  }
  let x = pixel % params.width;
  let y = pixel / params.width % params.height;
  let image = pixel / (params.width * params.height);
  let plane = group.y * params.srcPlane + image * params.srcHeight * params.srcWidth;

  // Clamping repeats a pixel of the window, which a maximum does not notice.
  let lastX = params.srcWidth - 1u;
  let lastY = params.srcHeight - 1u;
  var largest = vectorOf(src[plane + 2u * y * params.srcWidth + 2u * x]);
  for (var dy = 0u; dy < 3u; dy++) {
    let row = plane + min(max(2u * y + dy, 1u) - 1u, lastY) * params.srcWidth;
    for (var dx = 0u; dx < 3u; dx++) {
      largest = max(largest, vectorOf(src[row + min(max(2u * x + dx, 1u) - 1u, lastX)]));
    }
  }
  dst[group.y * params.dstPlane + pixel] = quadOf(largest);
}
