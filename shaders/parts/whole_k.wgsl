// One lane adds up all input quads of its sums.
fn splitOf(local: vec3u) -> u32 { return 0u; }
fn turnsOf(inQuads: u32, split: u32) -> u32 { return inQuads; }
fn totalOf(sums: ptr<function, array<Sum, SUMS>>, k: u32, local: vec3u) -> vec4f { return floatsOf((*sums)[k]); }
