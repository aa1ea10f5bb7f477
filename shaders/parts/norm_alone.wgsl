// The norms of a channel quad, on adapters without subgroups, and where lanes share nothing.
struct Norm { scale: vec4f, shift: vec4f }
fn normOf(quad: u32, lane: u32) -> Norm { return Norm(norm[2u * quad], norm[2u * quad + 1u]); }
