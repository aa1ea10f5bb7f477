// How fast an adapter multiplies and adds: eight independent chains of vec4f per invocation, in registers.
//
// 8 chains · 4 lanes · 2 operations for each of `rounds` in each invocation. The result is stored, so that no compiler
// can leave the work out. Dispatch: (workgroups).

struct Params {
  rounds: u32,
}

@group(0) @binding(0) var<storage, read_write> dst: array<vec4f>;
@group(0) @binding(1) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let factor = vec4f(0.9999);
  let x = vec4f(f32(id.x));
  var a = x;
  var b = x + 1.0;
  var c = x + 2.0;
  var d = x + 3.0;
  var e = x + 4.0;
  var f = x + 5.0;
  var g = x + 6.0;
  var h = x + 7.0;
  for (var i = 0u; i < params.rounds; i++) {
    a = fma(a, factor, x);
    b = fma(b, factor, x);
    c = fma(c, factor, x);
    d = fma(d, factor, x);
    e = fma(e, factor, x);
    f = fma(f, factor, x);
    g = fma(g, factor, x);
    h = fma(h, factor, x);
  }
  dst[id.x] = a + b + c + d + e + f + g + h;
}
