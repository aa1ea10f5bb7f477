// Weights where every lane reads them from one address: a scalar or block load on a GPU.
fn laneOf() -> u32 { return 0u; }
fn weightsAt(at: u32, lane: u32) -> Weights {
  let stored = weights[at];
  return Weights(columnOf(stored[0]), columnOf(stored[1]), columnOf(stored[2]), columnOf(stored[3]));
}
