// BN-ReLU by itself, for taps of the final feature map; in inference it is fused into pool.wgsl.
//
//   dst[c, p] = max(floor, scale[c] · src[c, p] + shift[c]), floor as in pool.wgsl
//
//   src, dst  [quad][plane] of Quad, as in conv1x1.wgsl
//   norm      [quad]{scale, shift}
//
// Dispatch: (⌈pixels / WORKGROUP⌉, quads).

struct Params {
  pixels: u32, // of the whole batch
  srcPlane: u32,
  dstPlane: u32,
  floor: f32,
}

override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> src: array<Quad>;
@group(0) @binding(1) var<storage, read> norm: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dst: array<Quad>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let pixel = group.x * WORKGROUP + lane;
  if (pixel >= params.pixels) {
    return;
  }
  let value = vectorOf(src[group.y * params.srcPlane + pixel]);
  let normed = fma(value, norm[2u * group.y], norm[2u * group.y + 1u]);
  dst[group.y * params.dstPlane + pixel] = quadOf(select(relu(normed), normed, params.floor < 0.0));
}
