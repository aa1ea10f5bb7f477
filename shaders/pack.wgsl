// An NCHW tensor of f32 into the arena's layout.
//
//   dst[c / 4, image · pixels + p][c % 4] = src[image, c, p], zero past the last channel
//
//   src  [image][channel][pixel] of f32
//   dst  [quad][plane] of Quad, as in conv1x1.wgsl
//
// Dispatch: (⌈pixels / WORKGROUP⌉, quads, images).

struct Params {
  pixels: u32, // of one image
  channels: u32,
  dstPlane: u32,
}

override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> src: array<f32>;
@group(0) @binding(1) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let pixel = group.x * WORKGROUP + lane;
  if (pixel >= params.pixels) {
    return;
  }
  var values = vec4f();
  for (var i = 0u; i < 4u; i++) {
    let channel = group.y * 4u + i;
    if (channel < params.channels) {
      values[i] = src[(group.z * params.channels + channel) * params.pixels + pixel];
    }
  }
  dst[group.y * params.dstPlane + group.z * params.pixels + pixel] = quadOf(values);
}
