enable subgroups;
// Weights where a load is as dear for one address as for many: each of four lanes loads a column, and all share them.
fn laneOf() -> u32 { return subgroupExclusiveAdd(1u) % 4u; }
fn weightsAt(at: u32, lane: u32) -> Weights {
  let own = columnOf(weights[at][lane]);
  return Weights(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u));
}
