enable subgroups;
// The stem's weights of one tap, each of four lanes loading those of one input channel.
fn laneOf() -> u32 { return subgroupExclusiveAdd(1u) % 4u; }
fn tapAt(at: u32, lane: u32) -> array<vec4f, 4> {
  let own = weightOf(weights[at * CHANNELS + min(lane, CHANNELS - 1u)]);
  return array(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u));
}
