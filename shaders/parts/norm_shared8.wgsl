// The norms of a channel quad, each of eight lanes loading one of the eight floats.
struct Norm { scale: vec4f, shift: vec4f }
fn normOf(quad: u32, lane: u32) -> Norm {
  let own = norm[2u * quad + lane / 4u % 2u][lane % 4u];
  return Norm(
    vec4f(subgroupBroadcast(own, 0u), subgroupBroadcast(own, 1u), subgroupBroadcast(own, 2u), subgroupBroadcast(own, 3u)),
    vec4f(subgroupBroadcast(own, 4u), subgroupBroadcast(own, 5u), subgroupBroadcast(own, 6u), subgroupBroadcast(own, 7u)),
  );
}
