// Weights by way of workgroup memory: the next STAGED of each output quad of the tile, which the lanes load together.
var<workgroup> chunk: array<WeightQuad, STAGED * TILE_QUADS>;
fn stage(at: u32, row: u32, lane: u32) {
  workgroupBarrier(); // until all lanes have read what was there
  for (var i = lane; i < STAGED * TILE_QUADS; i += WORKGROUP) {
    chunk[i] = weights[at + i / STAGED * row + i % STAGED];
  }
  workgroupBarrier();
}
