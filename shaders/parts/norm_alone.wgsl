// The norms of a channel quad, where every lane reads them from one address.
struct Norm { scale: vec4f, shift: vec4f }
fn normAt(quad: u32, lane: u32) -> Norm { return norm[quad]; }
