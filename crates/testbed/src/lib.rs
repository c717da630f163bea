//! Stand-ins on real sockets: an AceStream engine and a Gluetun control server, behaving as the real ones do,
//! faults included.
//!
//! They run as tasks on any address of a process (hundreds of them), or as the program `standin` in images
//! that have nothing else. They decide nothing about a fleet: what happens to them is said by their settings,
//! by the key of the content that is asked for, and by their faults.
//!
//! # Content by name
//!
//! A key says by its first digits how its content behaves ([`engine::Behaviour`]): a content id or infohash,
//! the hash in a magnet link, or the last part of a URL.
//!
//! | key begins with | behaviour |
//! | --- | --- |
//! | `dead00` | refused at once with an error |
//! | `dead01` | the request is never answered |
//! | `dead02` | accepted, but stays in `prebuf` and never delivers |
//! | `dead03` | plays for ten seconds, then the session is unknown |
//! | `f11e` | not live: a file of sixty seconds, with ranges |
//! | anything else | plays |
//!
//! # Faults
//!
//! In a process: the handle that [`engine::Engine::faults`] and [`gluetun::Gluetun::faults`] give. From
//! outside, over HTTP: `GET /standin/faults` says what is set, `POST /standin/faults?name=value&…` sets,
//! `POST /standin/clear` takes all back. Engines answer on their own HTTP port whatever else is wrong with
//! them; Gluetun on its private port (8999).
//!
//! | engine | value | effect |
//! | --- | --- | --- |
//! | `hang` | true, false | accepts, never answers |
//! | `refuse_ms` | milliseconds | refuses connections for so long; in a process `refuse` has no end |
//! | `slow_ms` | milliseconds | each answer comes so much later |
//! | `connected` | true, false, truth | what is said of the network, whatever the tunnel does |
//! | `stall` | true, false | streams stop and go on where they were |
//! | `garbage` | true, false | streams carry noise |
//! | `rate_percent` | 1 to 100 | streams are delivered so slowly |
//! | `POST /standin/crash?code=N` | | the engine ends at once |
//! | `POST /standin/end_sessions` | | all sessions die |
//!
//! | Gluetun | value | effect |
//! | --- | --- | --- |
//! | `tunnel` | up, starting, crashed, stopped | it is so from now on |
//! | `tunnel` | cut, dead | the status stays, nothing gets through; a bounce mends `cut` only |
//! | `health` | truth, healthy, unhealthy | what Docker's health check is told |
//! | `port` | N or N,M, or none | the forwarded port; a change passes through none |
//! | `none_as` | zero, null, empty | how no port is said in `ports`: `[0]`, `null`, `[]` |
//! | `server` | answers, hangs, unauthorized, down | the control server alone |
//! | `port_route_hangs` | true, false | as while a command of Gluetun's runs |
//! | `POST /standin/crash?code=N` | | it ends at once |
//!
//! Containers of these in one process, with networks, restarts, health and an API to them: [`dock`].
//!
//! Besides, `GET /standin/sessions` of an engine is `{"sessions":[{"id","infohash","readers"}],"opened","stopped"}`,
//! where the two count since its start how many sessions were opened, and how many of them somebody stopped; of Gluetun
//! `GET /standin/tunnel` is `{"up":bool}`, which engines in the same network ask, and `GET /standin/health`
//! is 200 or 503, which Docker's health check asks.

pub mod count;
pub mod dock;
pub mod engine;
pub mod environment;
pub mod gluetun;
pub mod image;
pub mod stream;
mod switch;
pub mod web;
