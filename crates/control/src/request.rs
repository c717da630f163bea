//! What outside programs and people can ask for, and how each request is answered: exactly once.
//!
//! Wire formats are the edge's business; what can be known of a body without the fleet is checked there.

use crate::command::{Content, Ports};
use crate::ids::{ContainerId, Name, OpId, VpnId};
use crate::labels::Labels;
use crate::policy::breaker::Kind;
use crate::snapshot::{BlockedCode, StreamView};
use crate::time::Time;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// An engine is to be created and handed out. Answered when it runs, or when its client has waited enough.
    Provision(Arc<Wanted>),
    /// A container of another kind is to be created, started and handed out, and is its client's own from then on.
    ProvisionOther(Arc<OtherWanted>),
    /// The minimum is to be this, until the next such request or a restart.
    Scale(usize),
    /// Idle engines above what is wanted are to go now.
    CollectGarbage,
    /// A container of ours is to be removed.
    Delete(ContainerId),
    /// An engine is to be hidden, and removed once it has no stream.
    Drain(ContainerId),
    /// An engine that drains because of such a request is to stay after all.
    Undrain(ContainerId),
    /// An engine is to be replaced by a new one.
    Replace(ContainerId),
    /// A VPN's tunnel is to be taken down and up again.
    BounceVpn(VpnId),
    /// A VPN's container is to be restarted.
    RestartVpn(VpnId),
    /// A VPN is to get no new engines, and to lose those that it has as they become idle.
    DrainVpn(VpnId),
    /// A VPN that drains because of such a request is to be used again.
    UndrainVpn(VpnId),
    /// Another program tells that it has opened a session on an engine.
    StreamStarted(Box<Announcement>),
    /// Another program tells that a stream of its own is over.
    StreamEnded(Ending),
    /// A stream is to be over, whoever watches it.
    StopStream(Arc<str>),
    /// A stream of the proxy is to be played by another engine, and its viewers are to notice nothing.
    MoveStream {
        /// The stream.
        stream: Arc<str>,
        /// The engine; the best other one, if none is named.
        engine: Option<ContainerId>,
    },
    /// A breaker is to be closed; both, if none is named.
    ResetBreaker(Option<Kind>),
}

/// What a client wants of an engine that is created for it. Labels that mean something to us are refused at the
/// edge: see [`labels::is_reserved`](crate::labels::is_reserved).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Wanted {
    /// Labels to be written on it.
    pub labels: Labels,
    /// Variables of its environment.
    pub env: Labels,
    /// The HTTP port that it is to have.
    pub host_port: Option<u16>,
    /// That port or none: what it is created from names it. Otherwise it is a wish, and another port will do.
    pub port_is_firm: bool,
}

impl Wanted {
    /// The HTTP port without which it is of no use.
    pub fn firm_port(&self) -> Option<u16> {
        self.host_port.filter(|_| self.port_is_firm)
    }
}

/// What a client wants of a container that is no engine. Whether he may have that image, and the labels that mean
/// something to us, are the edge's to refuse, and so is a prefix that engines have.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OtherWanted {
    /// Its image.
    pub image: Arc<str>,
    /// Variables of its environment.
    pub env: Labels,
    /// Labels to be written on it.
    pub labels: Labels,
    /// Ports to be published: inside, and the one on the host that it has to be, if any will not do.
    pub ports: Vec<(u16, Option<u16>)>,
    /// What its name begins with; a number follows.
    pub name_prefix: Arc<str>,
}

/// A session that another program has opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announcement {
    /// The engine's container, if the caller knows one of ours.
    pub container_id: Option<ContainerId>,
    /// The engine's HTTP port. The host that the caller names is never looked at.
    pub port: Option<u16>,
    /// What is played.
    pub content: Content,
    /// The engine's name for the session.
    pub playback_session_id: Arc<str>,
    /// Its stat URL.
    pub stat: Option<UrlTail>,
    /// Its command URL.
    pub command: Option<UrlTail>,
    /// It is live.
    pub is_live: bool,
    /// What the caller calls the stream.
    pub stream_id: Option<Arc<str>>,
}

/// What is kept of a URL that a caller sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UrlTail {
    /// Its port.
    pub port: u16,
    /// Its path and query.
    pub path: Arc<str>,
}

/// A stream of another program that is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ending {
    /// The engine's container, if the caller knows one of ours.
    pub container_id: Option<ContainerId>,
    /// The stream's id.
    pub stream_id: Option<Arc<str>>,
    /// Why, in the caller's words.
    pub reason: Option<Arc<str>>,
}

/// How a request is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// It is accepted; what comes of it carries this operation's id.
    Accepted(OpId),
    /// It is done.
    Done,
    /// An engine runs that was created for this request, and is kept for it for a while.
    Provisioned {
        /// Its container.
        container_id: ContainerId,
        /// Its container's name.
        name: Name,
        /// Its ports.
        ports: Ports,
    },
    /// A container of another kind runs that was created for this request.
    ProvisionedOther {
        /// The container.
        container_id: ContainerId,
        /// Its name.
        name: Name,
        /// Ports that it publishes: inside, and on the host.
        ports: Arc<[(u16, u16)]>,
    },
    /// Nothing can be handed out now.
    Blocked {
        /// Which obstacle.
        code: BlockedCode,
        /// The obstacle in words.
        message: String,
        /// When it is expected to be gone, or looked at again.
        until: Time,
        /// Asking again may help.
        can_retry: bool,
        /// It is only a matter of time.
        should_wait: bool,
    },
    /// The minimum is this now.
    ScaledTo(usize),
    /// There is no such container of ours, VPN or live stream.
    NotFound,
    /// It makes no sense as things are.
    Refused {
        /// Which rule forbids it.
        code: &'static str,
        /// The rule in words, and what to do.
        message: Arc<str>,
    },
    /// The stream is shown like this now.
    Stream(Arc<StreamView>),
    /// Whether a stream has ended because of it, and which.
    Ended {
        /// One has.
        updated: bool,
        /// How it is shown now.
        stream: Option<Arc<StreamView>>,
    },
    /// Nothing can be done about containers now.
    Unavailable(String),
}
