//! The kinds of entries by name: what entries are filtered and counted by.
//!
//! Outside programs know these names, so none changes once it has been published.

use super::What;

/// Names each kind once, for whoever asks for one and for whoever asks for all.
macro_rules! kinds {
    ($($what:pat => $kind:literal,)*) => {
        impl What {
            /// Every kind of entry that there is, in the order in which they are declared.
            pub const KINDS: &[&str] = &[$($kind),*];

            /// The kind of entry, as the API and the metrics name it.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $($what => $kind,)*
                }
            }
        }
    };
}

kinds! {
    Self::InSight { .. } => "in_sight",
    Self::Adopted { .. } => "adopted",
    Self::LabelsGarbled => "labels_garbled",
    Self::Appeared => "appeared",
    Self::Gone => "gone",
    Self::DockerUnreachable => "docker_unreachable",
    Self::ListingSkipped => "listing_skipped",
    Self::DockerBack => "docker_back",
    Self::NewNetwork { .. } => "new_network",
    Self::VpnHealthy => "vpn_healthy",
    Self::VpnFailed => "vpn_failed",
    Self::VpnDoubted => "vpn_doubted",
    Self::DoubleChecked { .. } => "double_checked",
    Self::Vouched(..) => "vouched",
    Self::CheckFailed(..) => "check_failed",
    Self::NobodyToAsk => "nobody_to_ask",
    Self::PortCached(..) => "port_cached",
    Self::EmergencyEntered => "emergency_entered",
    Self::EmergencyLeft => "emergency_left",
    Self::PortIs(..) => "port_is",
    Self::PortChanged(..) => "port_changed",
    Self::PortGone(..) => "port_gone",
    Self::MarkLost(..) => "mark_lost",
    Self::Mend(..) => "mend",
    Self::NeedsPerson => "needs_person",
    Self::PortFlaps => "port_flaps",
    Self::Create { .. } => "create",
    Self::Start => "start",
    Self::Restart => "restart",
    Self::Stop => "stop",
    Self::Remove => "remove",
    Self::HandOff => "hand_off",
    Self::Stays => "stays",
    Self::ReplaceCarrier { .. } => "replace_carrier",
    Self::StopCarrier => "stop_carrier",
    Self::Offered => "offered",
    Self::Hidden => "hidden",
    Self::Refused(..) => "refused",
    Self::FateUnknown(..) => "fate_unknown",
    Self::FateFound(..) => "fate_found",
    Self::FateReleased(..) => "fate_released",
    Self::CannotCreate => "cannot_create",
    Self::SuspectsItself(true) => "suspects_itself",
    Self::SuspectsItself(false) => "suspects_itself_no_more",
    Self::BreakerOpen(..) => "breaker_open",
    Self::BreakerClosed(..) => "breaker_closed",
    Self::HandedOut => "handed_out",
    Self::Requested(..) => "requested",
    Self::RequestOver(..) => "request_over",
    Self::ScaledTo(..) => "scaled_to",
    Self::Rebuilt => "rebuilt",
    Self::Passive(..) => "passive",
    Self::Active(..) => "active",
    Self::Leaving { .. } => "leaving",
    Self::CacheKept => "cache_kept",
    Self::StreamPlays(..) => "stream_plays",
    Self::StreamMoves(..) => "stream_moves",
    Self::StreamLost => "stream_lost",
    Self::StreamWaits => "stream_waits",
    Self::ViewersRefused => "viewers_refused",
    Self::OpenFailed(..) => "open_failed",
    Self::StreamEnding => "stream_ending",
    Self::StreamEnded => "stream_ended",
    Self::AnnouncementRefused => "announcement_refused",
}
