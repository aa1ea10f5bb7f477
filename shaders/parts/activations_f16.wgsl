// Storage of activations in f16: a Quad is four consecutive channels of one pixel (layout NC/4HW4). Arithmetic stays f32.
enable f16;
alias Quad = vec4<f16>;
