// Where a quad lies in a texture, of weights or of a map: row after row of 1024 texels. A CPU checks the bounds of a texel
// once, those of a buffer for each component.
fn place(at: u32) -> vec2u { return vec2u(at % 1024u, at / 1024u); }
