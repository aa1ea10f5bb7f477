// Slices, where a map has too few pixels to keep a GPU busy: a workgroup is WORKGROUP lanes × SLICES, each slice adds up
// every SLICES-th input quad, and the first adds up the slices. One sum after the other, so that this takes no more than
// 4 KiB of workgroup memory, and several workgroups are at work at once. Together they are 256 invocations, the most that
// every adapter allows. SUBGROUP must be 1: which invocations make up a subgroup is the implementation's choice, and one
// may reach across slices.
var<workgroup> partials: array<vec4f, 256>;
/// In the first slice, the sum of what all slices have for this lane.
fn totalOf(own: vec4f, lane: u32) -> vec4f {
  workgroupBarrier(); // until the sum before has been read
  partials[lane] = own;
  workgroupBarrier();
  var total = own;
  if (lane < WORKGROUP) {
    for (var slice = 1u; slice < SLICES; slice++) {
      total += partials[slice * WORKGROUP + lane];
    }
  }
  return total;
}
