//! What `demo` is told on the command line, within the bounds of what one machine can play.
//!
//! It is read and checked here, and nothing is done with it: what the demo makes of it is the demo's business.

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use std::net::{IpAddr, Ipv4Addr};

/// The most VPNs.
pub const VPNS_MAX: u64 = 50;
/// The most engines.
pub const ENGINES_MAX: u64 = 500;
/// The most viewers. The program lets in a thousand, and somebody may want to watch beside them.
pub const VIEWERS_MAX: u64 = 950;

fn within(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

/// What `demo` is told.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct DemoArgs {
    /// How many VPNs there are, called gluetun-1, gluetun-2, …
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = within(1, VPNS_MAX))]
    pub vpns: usize,
    /// How many engines there are at least
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = within(1, ENGINES_MAX))]
    pub engines: usize,
    /// How many viewers read streams through the program
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = within(0, VIEWERS_MAX))]
    pub viewers: usize,
    /// The port that the program answers on; 0 takes any that is free
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub port: u16,
    /// The address that the program answers on: with another one than the default, others may break the fleet too
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub bind: IpAddr,
    /// Draws what is drawn: ids, channels, what the core leaves to chance; otherwise new each time
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Plays an incident step by step, says what is decided and why, and ends with what viewers noticed
    #[arg(long, value_name = "INCIDENT")]
    pub story: Option<StoryName>,
}

/// The incidents that can be played.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoryName {
    /// A VPN's container is stopped by hand, and started again
    VpnExit,
    /// A VPN forwards another port
    PortChange,
    /// A VPN forwards another port again and again
    PortFlapping,
    /// A VPN's container is removed and made anew under its name
    VpnRecreate,
    /// Docker does not answer for twenty seconds
    DockerFreeze,
}

impl StoryName {
    /// The fewest VPNs that it makes sense with.
    pub const fn least_vpns(self) -> usize {
        match self {
            // Somebody has to carry on meanwhile.
            Self::VpnExit | Self::VpnRecreate => 2,
            Self::PortChange | Self::PortFlapping | Self::DockerFreeze => 1,
        }
    }
}
