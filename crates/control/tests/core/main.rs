//! What the core promises, tried at a desk where each test plays the driver by hand.
//!
//! `story` tells what the product does, given, when and then: read it to learn the product. `policy` tries each
//! policy by itself, `parts` the small things that everything rests on. One binary, because linking is slow.

mod desk;
mod parts;
mod policy;
mod story;
