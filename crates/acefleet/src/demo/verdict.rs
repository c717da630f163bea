//! What viewers noticed, in words, and whether that is more than they should have.
//!
//! Pure: it judges what it is given.

use super::reach::Unreachable;
use super::viewers::View;
use std::fmt::Write;
use std::time::Duration;

/// The longest silence that a viewer may notice: players bridge it with what they have read ahead.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// The longest that an engine may be listed after nobody can reach it any more.
const LISTED_MAX: Duration = Duration::from_secs(1);
/// A crowd is told of as a whole; of up to so many viewers each one is.
const EACH_MAX: usize = 12;
/// Digits of a content id that are shown.
const CONTENT_SHOWN: usize = 8;

/// What viewers noticed, and what would have cost a client a try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Verdict {
    /// The viewers.
    pub(super) viewers: Vec<View>,
    /// The engines.
    pub(super) unreachable: Unreachable,
}

impl Verdict {
    /// What of this is more than anybody should have noticed; empty if all is well.
    pub(super) fn complaints(&self) -> Vec<String> {
        let viewers = &self.viewers;
        let mut complaints = Vec::new();
        let mut complain = |count: usize, what: &str| {
            if count > 0 {
                complaints.push(format!("{count} of {} viewers {what}", viewers.len()));
            }
        };
        let count = |is: &dyn Fn(&View) -> bool| viewers.iter().filter(|view| is(view)).count();
        complain(count(&|view| !view.plays()), "have no picture at the end");
        let silent = |view: &View| view.plays() && view.noticed.longest_silence > SILENCE_MAX;
        let seconds = SILENCE_MAX.as_secs();
        complain(count(&silent), &format!("had no picture for more than {seconds} s"));
        complain(count(&|view| view.noticed.disconnects > 0), "were cut off");
        complain(count(&|view| view.noticed.continuity_errors > 0), "had packets that did not follow");
        if let (true, Some(engine)) = (self.unreachable.longest > LISTED_MAX, &self.unreachable.engine) {
            let seconds = self.unreachable.longest.as_secs_f64();
            complaints.push(format!("{engine} was listed for {seconds:.1} s while nobody could reach it"));
        }
        complaints
    }

    /// What was noticed, a line for each viewer, or for all of a crowd.
    pub(super) fn told(&self) -> String {
        let mut text = match self.viewers.len() {
            0 => "Nobody watched.\n".to_owned(),
            1..=EACH_MAX => self.viewers.iter().map(|view| format!("{}\n", line(view))).collect(),
            _ => self.crowd(),
        };
        let unreachable = &self.unreachable;
        let told = match &unreachable.engine {
            Some(engine) if unreachable.longest > LISTED_MAX => {
                let seconds = unreachable.longest.as_secs_f64();
                writeln!(text, "{engine} was listed for {seconds:.1} s while nobody could reach it.")
            }
            Some(_) => {
                let milliseconds = unreachable.longest.as_millis();
                writeln!(text, "No engine was listed for more than {milliseconds} ms after it was lost.")
            }
            None => writeln!(text, "No engine was listed that nobody could reach."),
        };
        told.expect("memory can be written to");
        text
    }

    fn crowd(&self) -> String {
        let sum = |of: &dyn Fn(&View) -> u64| self.viewers.iter().map(of).sum::<u64>();
        let longest = self.viewers.iter().max_by_key(|view| view.noticed.longest_silence);
        let silence = longest.map(|view| (view.viewer, view.noticed.longest_silence.as_secs_f64()));
        let (viewer, seconds) = silence.unwrap_or_default();
        let play = self.viewers.iter().filter(|view| view.plays()).count();
        format!(
            "{play} of {} viewers have the picture; {:.1} MB came\n\
             longest silence {seconds:.2} s (viewer {viewer}), cut off {} times, turned away {} times\n\
             packets that did not follow {}, breaks that were marked {}, left out {}, repeated {}\n",
            self.viewers.len(),
            sum(&|view| view.noticed.bytes) as f64 / 1e6,
            sum(&|view| view.noticed.disconnects),
            sum(&|view| view.noticed.refusals),
            sum(&|view| view.noticed.continuity_errors),
            sum(&|view| view.noticed.marked_breaks),
            sum(&|view| view.noticed.missing),
            sum(&|view| view.noticed.repeats),
        )
    }
}

/// One viewer. The beginning of its content's id tells it from others.
fn line(View { viewer, content, sees, noticed, .. }: &View) -> String {
    let short: String = content.chars().take(CONTENT_SHOWN).collect();
    if noticed.bytes == 0 {
        return format!("viewer {viewer:>2} of {short}…: {sees}, {} time(s) turned away", noticed.refusals);
    }
    format!(
        "viewer {viewer:>2} of {short}…: {:.1} MB, longest silence {:.2} s, cut off {}, did not follow {}, \
         marked breaks {}, left out {}, repeated {}",
        noticed.bytes as f64 / 1e6,
        noticed.longest_silence.as_secs_f64(),
        noticed.disconnects,
        noticed.continuity_errors,
        noticed.marked_breaks,
        noticed.missing,
        noticed.repeats,
    )
}

#[cfg(test)]
mod tests {
    use super::super::viewers::{Noticed, Sees};
    use super::*;

    fn view(noticed: Noticed) -> View {
        let silent_for = Some(Duration::from_millis(40));
        View {
            viewer: 1,
            content: "00".into(),
            sees: Sees::Picture,
            waited: Some(Duration::ZERO),
            silent_for,
            noticed,
        }
    }

    fn verdict(viewers: Vec<View>) -> Verdict {
        Verdict { viewers, unreachable: Unreachable::default() }
    }

    #[test]
    fn a_short_silence_and_a_marked_break_are_nothing_to_complain_of() {
        let noticed =
            Noticed { bytes: 1, longest_silence: SILENCE_MAX, marked_breaks: 1, ..Noticed::default() };
        let verdict = verdict(vec![view(noticed)]);
        assert_eq!(verdict.complaints(), Vec::<String>::new());
        assert!(verdict.told().starts_with("viewer  1 of 00…: 0.0 MB, longest silence 2.00 s, cut off 0"));
    }

    #[test]
    fn whatever_a_viewer_should_not_have_noticed_is_complained_of() {
        let long = Noticed { longest_silence: Duration::from_millis(2_001), ..Noticed::default() };
        let cut = Noticed { disconnects: 1, ..Noticed::default() };
        let broken = Noticed { continuity_errors: 3, ..Noticed::default() };
        let mut gone = view(Noticed::default());
        gone.silent_for = Some(Duration::from_secs(9));
        let complaints = verdict(vec![view(long), view(cut), view(broken), gone]).complaints();
        let expected = [
            "1 of 4 viewers have no picture at the end",
            "1 of 4 viewers had no picture for more than 2 s",
            "1 of 4 viewers were cut off",
            "1 of 4 viewers had packets that did not follow",
        ];
        assert_eq!(complaints, expected);
    }

    #[test]
    fn an_engine_that_was_listed_too_long_is_complained_of() {
        let unreachable =
            Unreachable { longest: Duration::from_millis(1_500), engine: Some("acestream-3".to_owned()) };
        let verdict = Verdict { viewers: vec![], unreachable };
        assert_eq!(verdict.complaints(), ["acestream-3 was listed for 1.5 s while nobody could reach it"]);
        assert!(verdict.told().starts_with("Nobody watched.\nacestream-3 was listed for 1.5 s"));
    }

    #[test]
    fn a_crowd_is_told_of_as_a_whole() {
        let told = verdict(vec![view(Noticed { disconnects: 2, ..Noticed::default() }); 20]).told();
        assert!(told.starts_with("20 of 20 viewers have the picture"), "{told}");
        assert!(told.contains("cut off 40 times") && told.lines().count() == 4, "{told}");
    }
}
