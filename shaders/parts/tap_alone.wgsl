// The stem's weights of one tap, a vector for each input channel.
fn laneOf() -> u32 { return 0u; }
fn tapAt(at: u32, lane: u32) -> array<vec4f, CHANNELS> {
  var tap: array<vec4f, CHANNELS>;
  for (var c = 0u; c < CHANNELS; c++) {
    tap[c] = weightOf(weights[at * CHANNELS + c]);
  }
  return tap;
}
