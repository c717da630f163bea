//! What things are called: one type for each kind of name, so that they cannot be mixed up.
//!
//! Ids carry no meaning beyond identity. What an engine's *number* means is in `policy::naming`.

use alloc::string::ToString;
use alloc::sync::Arc;
use core::fmt;

/// 64 hexadecimal digits, as Docker writes them; small and free to copy.
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The id that these bytes spell.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes that spell this id.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Reads 64 hexadecimal digits; anything else is `None`.
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.as_bytes();
                if digits.len() != 64 {
                    return None;
                }
                let mut bytes = [0; 32];
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    let high = char::from(pair[0]).to_digit(16)?;
                    let low = char::from(pair[1]).to_digit(16)?;
                    *byte = u8::try_from(high << 4 | low).ok()?;
                }
                Some(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            /// All 64 digits; with a precision (`{:.12}`) that many, as Docker shortens it.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for at in 0..f.precision().unwrap_or(64).min(64) {
                    let byte = self.0[at / 2];
                    write!(f, "{:x}", if at % 2 == 0 { byte >> 4 } else { byte & 15 })?;
                }
                Ok(())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self:.12}")
            }
        }
    };
}

hex_id! {
    /// A container, for as long as it exists; a recreated container has another id.
    ContainerId
}

hex_id! {
    /// A network namespace that Docker made; a restarted container has another one.
    SandboxId
}

/// A container's name, without the slash that Docker's API puts before it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// A VPN by its place in the configuration. Configuration order breaks ties.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct VpnId(pub u16);

impl VpnId {
    /// Its place in a list of all VPNs.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One command that acefleet sent: unique over restarts, and written on the containers it created.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId {
    /// Which life of acefleet sent it, drawn anew at each start.
    pub life: u32,
    /// Counted up within that life.
    pub seq: u64,
}

impl OpId {
    /// Reads what [`fmt::Display`] wrote; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let (life, seq) = text.split_once('-')?;
        let op = Self { life: u32::from_str_radix(life, 16).ok()?, seq: seq.parse().ok()? };
        (op.to_string() == text).then_some(op)
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.life, self.seq)
    }
}

impl fmt::Debug for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A playback session that the data plane reads. Counted up within a life of acefleet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(pub u64);

/// One viewer of the proxy, as the data plane numbers them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ViewerId(pub u64);

/// One request of an outside program or a person, as the driver numbers them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u64);

/// A hash of everything that an engine was created from, to tell when the settings have moved on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SpecHash(pub u64);

impl fmt::Display for SpecHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
