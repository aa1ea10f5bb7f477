enable subgroups;
// The norms of a channel quad, each of four lanes loading one number of either vector.
struct Norm { scale: vec4f, shift: vec4f }
fn gathered(own: f32) -> vec4f {
  return vec4f(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u));
}
fn normAt(quad: u32, lane: u32) -> Norm {
  return Norm(gathered(norm[quad].scale[lane]), gathered(norm[quad].shift[lane]));
}
