// How fast an adapter moves memory: 16 bytes read and 16 written per invocation, neighbours beside each other.
//
// Dispatch: (workgroups), as many as there are 64 vec4f in the buffers.

@group(0) @binding(0) var<storage, read> src: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> dst: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  dst[id.x] = src[id.x];
}
