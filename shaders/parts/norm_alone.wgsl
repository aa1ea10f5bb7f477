// The norms of a channel quad, `norm[at]`, on adapters without subgroups, and where lanes share nothing.
fn normOf(at: u32, lane: u32) -> vec4f { return norm[at]; }
