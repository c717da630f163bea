//! What goes out: counters that always go on, discontinuities that are always marked, parts of the stream that keep
//! their identifiers.

use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, BTreeSet};

use super::remap::Remap;
use crate::packet::{self, Packet, Pid, Raw};
use crate::pes::{Head, Ticks};
use crate::ring::PIDS_MAX;
use crate::scan::Scan;
use crate::section;
use crate::tables::{self, Codec, Pat, Pmt};

/// What sources lost, and what was left out of what they sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Losses {
    /// Breaks of a counter that no source had marked.
    pub breaks: u64,
    /// Packets that came twice.
    pub repeats: u64,
    /// Packets that were broken, or belonged to more parts than a stream may have.
    pub refused: u64,
}

/// One part of the stream.
#[derive(Clone, Debug, Default)]
struct Part {
    /// The counter and the print of the source's last packet.
    source: Option<(u8, u64)>,
    /// The counter that went out last, if any did.
    sent: Option<u8>,
    /// The next packet is to be marked.
    mark: bool,
    /// The next packet with a clock is to be marked.
    mark_clock: bool,
    /// Nothing goes out until something begins.
    wait: bool,
}

/// The output.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// By the identifiers that go out.
    parts: BTreeMap<Pid, Part>,
    /// The tables that readers know.
    told: Option<(Pat, Pmt)>,
    /// How the source's identifiers become those that readers know, if they differ.
    remap: Option<Remap>,
    /// The source's main stream, as the source calls it.
    main: Option<(Pid, Codec)>,
    position: Option<Ticks>,
    losses: Losses,
}

impl Output {
    /// Whether anything went out.
    pub(super) fn began(&self) -> bool {
        self.told.is_some()
    }

    /// When the newest picture that was sent is decoded.
    pub(super) fn position(&self) -> Option<Ticks> {
        self.position
    }

    /// What the main stream is.
    pub(super) fn codec(&self) -> Option<Codec> {
        self.main.map(|(_, codec)| codec)
    }

    pub(super) fn losses(&self) -> Losses {
        self.losses
    }

    /// The parts of the source's stream in which a picture or a piece of sound may be under way, as it calls them.
    pub(super) fn unfinished(&self) -> BTreeSet<Pid> {
        let Some((_, told)) = &self.told else { return BTreeSet::new() };
        let moving = told.streams.iter().filter(|stream| stream.codec() != Codec::Other);
        let sent =
            moving.filter(|stream| self.parts.get(&stream.pid).is_some_and(|part| part.sent.is_some()));
        sent.map(|stream| self.remap.as_ref().map_or(stream.pid, |remap| remap.back(stream.pid))).collect()
    }

    /// A source that could not be joined seamlessly takes over, with a keyframe as its first packet.
    pub(super) fn splice(&mut self, scan: &Scan, out: &mut impl FnMut(Packet<'_>)) {
        self.follow(scan);
        for part in self.parts.values_mut() {
            part.source = None;
            part.mark = part.sent.is_some();
        }
        let Some((pat, pmt)) = self.told.clone() else { return };
        let main = pmt.main().map(|stream| stream.pid);
        for stream in pmt.streams.iter().filter(|stream| stream.codec() != Codec::Other) {
            if let Some(part) = self.part(stream.pid) {
                part.wait = Some(stream.pid) != main;
            }
        }
        if let Some(part) = self.part(pmt.clock) {
            part.mark_clock = part.sent.is_some();
        }
        self.position = None;
        self.table(&pat.write(), Pid::PAT, out);
        if let Some(table) = tables::table_pid(&pat) {
            self.table(&pmt.write(), table, out);
        }
    }

    /// The source's tables are these now.
    pub(super) fn follow(&mut self, scan: &Scan) {
        let Some((pat, pmt)) = scan.tables().both() else { return };
        self.main = scan.main();
        self.remap = match &self.told {
            Some(told) if self.remap.is_some() || (&told.0, &told.1) != (pat, pmt) => {
                Remap::plan(told, (pat, pmt))
            }
            Some(_) | None => None,
        };
        self.told = match &self.remap {
            Some(remap) => Some((remap.pat.clone(), remap.pmt.clone())),
            None => Some((pat.clone(), pmt.clone())),
        };
    }

    /// A packet of the source goes out, unless there is a reason that it must not. Filling has no print.
    pub(super) fn pass(&mut self, packet: Packet<'_>, print: Option<u64>, out: &mut impl FnMut(Packet<'_>)) {
        if packet.broken() {
            self.losses.refused += 1;
            return;
        }
        let source_pid = packet.pid();
        if source_pid == Pid::NULL {
            out(packet);
            return;
        }
        let Some(pid) = self.named(packet, out) else { return };
        let print = print.unwrap_or_default();
        let Some(part) = self.part(pid) else {
            self.losses.refused += 1;
            return;
        };
        if part.wait && packet.has_payload() {
            if !packet.begins() {
                return;
            }
            part.wait = false;
        }
        let mut lost = false;
        if let Some((counter, print_before)) = part.source.filter(|_| !packet.discontinuity()) {
            let same = counter == packet.continuity();
            if same && packet.has_payload() && print == print_before {
                self.losses.repeats += 1;
                return;
            }
            let follows = if packet.has_payload() { (counter + 1) & 15 == packet.continuity() } else { same };
            lost = !follows;
        }
        part.source = Some((packet.continuity(), print));
        part.mark |= lost && part.sent.is_some();
        let mut raw = *packet.raw();
        if pid != source_pid {
            packet::set_pid(&mut raw, pid);
        }
        send(part, pid, raw, out);
        self.losses.breaks += u64::from(lost);
        if self.main.is_some_and(|(main, _)| main == source_pid) && packet.begins() {
            let decoded = Head::read(packet.payload()).and_then(|head| head.decoded);
            self.position = decoded.or(self.position);
        }
    }

    /// What a packet's part is called by those who read, if it goes out at all. Tables that differ are replaced.
    fn named(&mut self, packet: Packet<'_>, out: &mut impl FnMut(Packet<'_>)) -> Option<Pid> {
        let Some(remap) = &self.remap else { return Some(packet.pid()) };
        let (section, table) = if packet.pid() == Pid::PAT {
            (remap.pat.write(), Pid::PAT)
        } else if packet.pid() == remap.source_table {
            (remap.pmt.write(), tables::table_pid(&remap.pat)?)
        } else {
            return remap.out(packet.pid());
        };
        if packet.begins() {
            self.table(&section, table, out);
        }
        None
    }

    /// A table of our own goes out.
    fn table(&mut self, section: &[u8], pid: Pid, out: &mut impl FnMut(Packet<'_>)) {
        let Some(part) = self.part(pid) else { return };
        for raw in section::packets(section, pid) {
            send(part, pid, raw, out);
        }
    }

    fn part(&mut self, pid: Pid) -> Option<&mut Part> {
        let full = self.parts.len() >= PIDS_MAX;
        match self.parts.entry(pid) {
            Entry::Occupied(part) => Some(part.into_mut()),
            Entry::Vacant(_) if full => None,
            Entry::Vacant(room) => Some(room.insert(Part::default())),
        }
    }
}

/// Sends a packet with the counter that follows, and marks it if that is due.
fn send(part: &mut Part, pid: Pid, mut raw: Raw, out: &mut impl FnMut(Packet<'_>)) {
    let Some(packet) = Packet::new(&raw) else { return };
    let (counter, moves, has_clock) = (packet.continuity(), packet.has_payload(), packet.pcr().is_some());
    let marked = (part.mark || part.mark_clock && has_clock) && packet::mark(&mut raw);
    if let Some(sent) = part.sent {
        if part.mark
            && !marked
            && let Some(marker) = Packet::new(&packet::marker(pid, sent))
        {
            out(marker);
        }
        packet::set_continuity(&mut raw, if moves { sent.wrapping_add(1) } else { sent });
    }
    part.mark = false;
    part.mark_clock &= !has_clock;
    let Some(packet) = Packet::new(&raw) else { return };
    part.sent = Some(if part.sent.is_some() { packet.continuity() } else { counter });
    out(packet);
}
