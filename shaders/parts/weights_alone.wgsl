// Weights where every lane reads them from one address: a scalar or block load on a GPU.
fn laneOf() -> u32 { return 0u; }
fn weightsAt(at: u32, lane: u32) -> Weights { return weights[at]; }
