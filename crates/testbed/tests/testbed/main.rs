//! Tests of the stand-ins, over real sockets on loopback: each sentence is something that the real ones do,
//! or a fault that tests of the whole program rely on.

mod counting;
mod dock;
mod engine;
mod engine_faults;
mod gluetun;
mod playback;
mod program;
mod stream;
mod tools;
