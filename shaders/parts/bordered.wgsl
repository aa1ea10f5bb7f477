// The source of a 3×3 convolution behind a bottleneck: [quad][image][row][column] of Quad, around each image a border of
// zeros that conv1x1.wgsl has cleared, so that no input has to be tested.
@group(0) @binding(0) var<storage, read> src: array<Quad>;
fn affineAt(quad: u32, lane: u32) -> u32 { return 0u; }
fn inputAt(at: u32, affine: u32, position: vec2u) -> Input { return storedInput(src[at]); }
