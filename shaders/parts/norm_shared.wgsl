// The norms of a channel quad, `norm[at]`, each of four lanes loading one of the four floats.
fn normOf(at: u32, lane: u32) -> vec4f {
  let own = norm[at][lane % 4u];
  return vec4f(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u));
}
