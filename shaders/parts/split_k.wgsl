enable subgroups;
// Split-K, for maps with too few pixels to keep a GPU busy: a workgroup is WORKGROUP lanes × SPLIT_K splits, which share
// out the input quads. WORKGROUP is a whole number of the largest subgroups, so that all lanes of a subgroup are of one
// split, and what depends on it is read from one address.
var<workgroup> partials: array<array<array<vec4f, WORKGROUP>, SPLIT_K>, SPLIT_K>; // [sum][split][lane]
fn splitOf(local: vec3u) -> u32 { return subgroupBroadcastFirst(local.y); }
fn turnsOf(inQuads: u32, split: u32) -> u32 { return (inQuads + SPLIT_K - 1u - split) / SPLIT_K; }
// Of sums k, k + 1, … k + SPLIT_K − 1 each split gets the total of one.
fn totalOf(sums: ptr<function, array<Sum, SUMS>>, k: u32, local: vec3u) -> vec4f {
  workgroupBarrier(); // until the totals before have been added up
  for (var i = 0u; i < SPLIT_K; i++) {
    partials[i][local.y][local.x] = floatsOf((*sums)[k + i]);
  }
  workgroupBarrier();
  var total = vec4f();
  for (var other = 0u; other < SPLIT_K; other++) {
    total += partials[local.y][other][local.x];
  }
  return total;
}
