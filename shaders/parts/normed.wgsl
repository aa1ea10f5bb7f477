// The source of a 3×3 convolution in nets without bottlenecks: BN-ReLU of the block, [quad][plane] of Quad, which the
// layer also writes. The padding is zero after the ReLU. A position is one more than in the map, so never negative.
@group(0) @binding(0) var<storage, read_write> src: array<Quad>;
fn affineAt(quad: u32, lane: u32) -> Norm { return normAt(quad, lane); }
fn inputAt(at: u32, affine: Norm, position: vec2u) -> Input {
  let value = twiceRelu(fma(vectorOf(src[at]), affine.scale, affine.shift));
  let isInside = all(position >= vec2u(1u)) && all(position <= vec2u(params.width, params.height));
  return inputOf(select(vec4f(), value, isInside));
}
