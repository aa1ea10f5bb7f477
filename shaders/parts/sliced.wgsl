// Slices, where a map has too few pixels to keep a GPU busy: a workgroup is WORKGROUP lanes × SLICES, each slice adds up
// every SLICES-th input quad, and leaves its SUMS sums here for the first slice. Together they are 256 invocations, the
// most that every adapter allows, and with 4 sums fill the 16 KiB that every adapter has. SUBGROUP must be 1, since
// which invocations make up a subgroup is the implementation's choice: one may reach across slices.
var<workgroup> partials: array<array<vec4f, 256>, SUMS>;
fn totalOf(sum: u32, lane: u32) -> vec4f {
  var total = vec4f();
  for (var slice = 0u; slice < SLICES; slice++) {
    total += partials[sum][slice * WORKGROUP + lane];
  }
  return total;
}
