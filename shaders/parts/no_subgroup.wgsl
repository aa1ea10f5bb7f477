// Stands in for the built-in on adapters without subgroups, and where a tile does not share weights: lane 0 is oneself.
fn subgroupBroadcast(value: vec4f, lane: u32) -> vec4f { return value; }
