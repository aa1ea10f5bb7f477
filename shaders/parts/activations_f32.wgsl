// Storage of activations in f32: a Quad is four consecutive channels of one pixel (layout NC/4HW4).
alias Quad = vec4f;
