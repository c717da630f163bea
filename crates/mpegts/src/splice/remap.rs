//! How the identifiers of a source become those that readers know already.
//!
//! Few players follow a table that changes; so a stream of the same kind keeps its identifier from source to source.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::packet::Pid;
use crate::tables::{self, Pat, Pmt, Stream};

/// Where identifiers are looked for that nothing has yet.
const FREE_FROM: u16 = 0x100;

/// From a source's identifiers to those that go out.
#[derive(Clone, Debug)]
pub(super) struct Remap {
    /// Where the source has the table of its programme.
    pub(super) source_table: Pid,
    /// The tables that go out.
    pub(super) pat: Pat,
    pub(super) pmt: Pmt,
    map: BTreeMap<Pid, Pid>,
    /// Identifiers that belong to something else of the source than what it calls so.
    taken: BTreeSet<Pid>,
}

impl Remap {
    /// A plan, unless the source's tables are what readers know already.
    pub(super) fn plan(told: &(Pat, Pmt), source: (&Pat, &Pmt)) -> Option<Self> {
        let ((told_pat, told_pmt), (pat, pmt)) = (told, source);
        if (told_pat, told_pmt) == (pat, pmt) {
            return None;
        }
        let source_table = tables::table_pid(pat)?;
        let mut taken = BTreeSet::from([Pid::PAT]);
        taken.extend(tables::table_pid(told_pat));
        let mut map = BTreeMap::new();
        let mut streams = counterparts(&told_pmt.streams, &pmt.streams);
        // Where a counterpart was found it keeps its name; what is new must not take the name of what is known.
        taken.extend(told_pmt.streams.iter().map(|stream| stream.pid));
        for (source, out) in &mut streams {
            let known = out.is_some();
            let pid = out.get_or_insert_with(|| free(source.pid, &taken));
            if !known {
                taken.insert(*pid);
            }
            map.insert(source.pid, *pid);
        }
        let clock = map.get(&pmt.clock).copied().unwrap_or_else(|| {
            let named: BTreeSet<Pid> = map.values().copied().collect();
            let kept = !named.contains(&told_pmt.clock) && !taken.contains(&told_pmt.clock);
            if kept { told_pmt.clock } else { free(pmt.clock, &taken) }
        });
        map.insert(pmt.clock, clock);
        taken.insert(clock);
        let rename = |(stream, out): (&Stream, Option<Pid>)| Stream {
            pid: out.unwrap_or(stream.pid),
            ..stream.clone()
        };
        let streams = streams.into_iter().map(rename).collect();
        let (programme, version) = (told_pmt.programme, told_pmt.version);
        let mut out = Pmt { programme, version, clock, info: pmt.info.clone(), streams };
        if out != *told_pmt {
            out.version = tables::next_version(version);
        }
        Some(Self { source_table, pat: told_pat.clone(), pmt: out, map, taken })
    }

    /// What goes out as what; nothing if the name is taken by something else.
    pub(super) fn out(&self, source: Pid) -> Option<Pid> {
        self.map.get(&source).copied().or_else(|| (!self.taken.contains(&source)).then_some(source))
    }

    /// What the source calls this.
    pub(super) fn back(&self, out: Pid) -> Pid {
        self.map.iter().find(|(_, name)| **name == out).map_or(out, |(source, _)| *source)
    }
}

/// The source's streams, each with the identifier that its counterpart has: of the same kind, best with the same
/// descriptors. Those with a counterpart come first, in the order that readers know.
fn counterparts<'a>(known: &[Stream], source: &'a [Stream]) -> Vec<(&'a Stream, Option<Pid>)> {
    let same: [fn(&Stream, &Stream) -> bool; 3] = [
        |this, that| this == that,
        |this, that| this.kind == that.kind && this.info == that.info,
        |this, that| this.kind == that.kind,
    ];
    let mut found: Vec<Option<usize>> = known.iter().map(|_| None).collect();
    for same in same {
        for (place, known) in
            known.iter().enumerate().filter(|(place, _)| found[*place].is_none()).collect::<Vec<_>>()
        {
            let free = |at: &usize| !found.contains(&Some(*at)) && same(known, &source[*at]);
            found[place] = (0..source.len()).find(free);
        }
    }
    let paired =
        found.iter().zip(known).filter_map(|(at, known)| at.map(|at| (&source[at], Some(known.pid))));
    let rest = (0..source.len()).filter(|at| !found.contains(&Some(*at))).map(|at| (&source[at], None));
    paired.chain(rest).collect()
}

/// This identifier if nothing has it, else the first that nothing has.
fn free(wanted: Pid, taken: &BTreeSet<Pid>) -> Pid {
    let usable = |pid: &Pid| !taken.contains(pid);
    let others = (FREE_FROM..Pid::NULL.number()).map(Pid::new);
    core::iter::once(wanted).chain(others).find(usable).unwrap_or(Pid::NULL)
}
