// The norms of a channel quad, each of four lanes loading one of the four floats of either vector.
struct Norm { scale: vec4f, shift: vec4f }
fn gathered(own: f32) -> vec4f {
  return vec4f(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u));
}
fn normOf(quad: u32, lane: u32) -> Norm {
  return Norm(gathered(norm[2u * quad][lane % 4u]), gathered(norm[2u * quad + 1u][lane % 4u]));
}
