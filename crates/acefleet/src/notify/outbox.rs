//! When alerts become a message: several within a few seconds are one, the same ones are told once, and nobody is sent
//! more than so many in ten minutes, of which a few are kept for what is critical. What is held back meanwhile is told
//! by how it stands in the end.
//!
//! Pure: time is an argument.

use super::alert::{Alert, Key, Severity, Turn};
use control::Time;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What happens together is told together: so long is waited for more of it.
pub const GROUP_FOR: Duration = Duration::from_secs(5);
/// The most messages within [`WINDOW`].
pub const MESSAGES_MAX: usize = 10;
/// So many of them are sent only if something critical waits: it need not wait behind what flaps.
pub const KEPT_FOR_CRITICAL: usize = 3;
/// The time that messages are counted in.
pub const WINDOW: Duration = Duration::from_secs(600);
/// Alerts that wait to be told. There are not that many different ones, unless somebody has very many VPNs.
const WAITING_MAX: usize = 256;
/// Alerts that one message tells; of the others it gives the number.
const LINES_MAX: usize = 12;
/// Receivers take at least so many letters; the longest of them are cut.
const LINE_MAX_CHARS: usize = 240;

/// What is sent to every receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// What it is about, in a line.
    pub title: String,
    /// The alerts, the most urgent first.
    pub alerts: Vec<Alert>,
    /// Alerts that are left out because there are too many.
    pub more: usize,
    /// How urgent the most urgent of them is; what is over is not urgent.
    pub severity: Severity,
    /// When.
    pub at: Time,
}

/// Alerts that wait to be told.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: BTreeMap<Key, Waiting>,
    since: Option<Time>,
    sent: VecDeque<Time>,
    /// Alerts that there was no room for.
    lost: u64,
}

#[derive(Debug)]
struct Waiting {
    latest: Alert,
    turns: u32,
}

impl Outbox {
    /// Takes an alert.
    pub fn push(&mut self, alert: Alert, now: Time) {
        let key = alert.key();
        if self.waiting.len() >= WAITING_MAX && !self.waiting.contains_key(&key) {
            self.lost += 1;
            return;
        }
        self.since.get_or_insert(now);
        let waiting = self.waiting.entry(key).or_insert_with(|| Waiting { latest: alert.clone(), turns: 0 });
        waiting.turns += 1;
        waiting.latest = alert;
    }

    /// When the next message is due; `None` if nothing waits.
    pub fn due(&self) -> Option<Time> {
        let grouped = self.since? + GROUP_FOR;
        let is_critical = |waiting: &Waiting| urgency(&waiting.latest) == Severity::Critical;
        let most = match self.waiting.values().any(is_critical) {
            true => MESSAGES_MAX,
            false => MESSAGES_MAX - KEPT_FOR_CRITICAL,
        };
        let full = self.sent.len().checked_sub(most).and_then(|first| self.sent.get(first));
        Some(full.map_or(grouped, |first| grouped.max(*first + WINDOW)))
    }

    /// The message that is due now.
    pub fn take(&mut self, now: Time) -> Option<Message> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        self.since = None;
        self.sent.push_back(now);
        while self.sent.len() > MESSAGES_MAX {
            self.sent.pop_front();
        }
        let waiting = std::mem::take(&mut self.waiting);
        let lost = usize::try_from(std::mem::take(&mut self.lost)).unwrap_or(usize::MAX);
        let mut alerts: Vec<Alert> = waiting.into_values().map(Waiting::told).collect();
        alerts.sort_by_key(|alert| (std::cmp::Reverse(urgency(alert)), alert.at));
        let severity = alerts.first().map_or(Severity::Notice, urgency);
        let title = title(&alerts);
        let more = alerts.len().saturating_sub(LINES_MAX).saturating_add(lost);
        alerts.truncate(LINES_MAX);
        Some(Message { title, alerts, more, severity, at: now })
    }
}

impl Waiting {
    fn told(self) -> Alert {
        let mut alert = self.latest;
        if self.turns > 1 {
            alert.text = format!("{} (changed {} times since it was last told)", alert.text, self.turns);
        }
        alert
    }
}

impl Message {
    /// One that says nothing but that it arrived.
    pub fn test(at: Time) -> Self {
        Self { title: "acefleet: a test".into(), alerts: Vec::new(), more: 0, severity: Severity::Notice, at }
    }

    /// What it says below its title, a line for each alert.
    pub fn lines(&self) -> Vec<String> {
        if self.alerts.is_empty() {
            return vec!["Alerts of acefleet arrive here.".into()];
        }
        let line = |alert: &Alert| {
            let mark = match alert.turn {
                Turn::Raised => alert.topic.severity().word(),
                Turn::Resolved => "over",
                Turn::Happened => "once",
            };
            let line: String = format!("[{mark}] {}", crate::log::OneLine(&alert.text));
            match line.char_indices().nth(LINE_MAX_CHARS) {
                Some((end, _)) => format!("{}…", &line[..end]),
                None => line,
            }
        };
        let mut lines: Vec<String> = self.alerts.iter().map(line).collect();
        if self.more > 0 {
            lines.push(format!("and {} more", self.more));
        }
        lines
    }
}

/// How urgent an alert is to whoever hears of it.
fn urgency(alert: &Alert) -> Severity {
    match alert.turn {
        Turn::Raised => alert.topic.severity(),
        Turn::Resolved | Turn::Happened => Severity::Notice,
    }
}

fn title(alerts: &[Alert]) -> String {
    let counted = |turn: Turn| alerts.iter().filter(|alert| alert.turn == turn).count();
    match alerts {
        [only] => match only.turn {
            Turn::Raised | Turn::Happened => format!("acefleet: {}", only.topic.word().replace('_', " ")),
            Turn::Resolved => format!("acefleet: {} is over", only.topic.word().replace('_', " ")),
        },
        _several => {
            let (raised, over) = (alerts.len() - counted(Turn::Resolved), counted(Turn::Resolved));
            match (raised, over) {
                (raised, 0) => format!("acefleet: {raised} alerts"),
                (0, over) => format!("acefleet: {over} alerts are over"),
                (raised, over) => format!("acefleet: {raised} alerts, {over} are over"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::alert::Topic;
    use super::*;

    const BEGIN: Time = Time::from_secs(1_000);

    fn alert(topic: Topic, turn: Turn, at: Time) -> Alert {
        let text = format!("{} of x", topic.word());
        Alert { topic, subject: "x".into(), turn, text, at }
    }

    fn after(seconds: u64) -> Time {
        BEGIN + Duration::from_secs(seconds)
    }

    #[test]
    fn what_happens_within_a_few_seconds_is_one_message_with_the_most_urgent_first() {
        let mut outbox = Outbox::default();
        outbox.push(alert(Topic::VpnDown, Turn::Raised, BEGIN), BEGIN);
        outbox.push(alert(Topic::PortLost, Turn::Resolved, after(1)), after(1));
        outbox.push(alert(Topic::Emergency, Turn::Raised, after(2)), after(2));
        assert_eq!(outbox.take(after(4)), None);
        let message = outbox.take(after(5)).expect("it is due");
        assert_eq!(message.title, "acefleet: 2 alerts, 1 are over");
        assert_eq!(message.severity, Severity::Critical);
        assert_eq!(
            message.lines(),
            ["[critical] emergency of x", "[warning] vpn_down of x", "[over] port_lost of x"]
        );
        assert_eq!((outbox.due(), outbox.take(after(60))), (None, None));
    }

    #[test]
    fn what_turns_to_and_fro_meanwhile_is_told_by_how_it_stands() {
        let mut outbox = Outbox::default();
        for turn in [Turn::Raised, Turn::Resolved, Turn::Raised, Turn::Resolved] {
            outbox.push(alert(Topic::VpnDown, turn, BEGIN), BEGIN);
        }
        let message = outbox.take(after(5)).expect("it is due");
        assert_eq!(message.lines(), ["[over] vpn_down of x (changed 4 times since it was last told)"]);
        assert_eq!(message.title, "acefleet: vpn down is over");
    }

    #[test]
    fn nobody_is_sent_more_than_so_many_in_ten_minutes_and_nothing_is_left_untold() {
        let mut outbox = Outbox::default();
        let mut sent = 0;
        for second in 0..1_800 {
            let turn = if second % 2 == 0 { Turn::Raised } else { Turn::Resolved };
            outbox.push(alert(Topic::PortFlapping, turn, after(second)), after(second));
            sent += usize::from(outbox.take(after(second)).is_some());
        }
        assert_eq!(sent, 3 * (MESSAGES_MAX - KEPT_FOR_CRITICAL));
        let due = outbox.due().expect("the last one waits");
        assert!(outbox.take(due).is_some());
    }

    #[test]
    fn a_message_is_bounded_whatever_is_in_it() {
        let mut outbox = Outbox::default();
        for number in 0..1_000 {
            let mut alert = alert(Topic::VpnDown, Turn::Raised, BEGIN);
            alert.subject = format!("{number}");
            alert.text = "€\u{1b}[31m\n".repeat(1_000);
            outbox.push(alert, BEGIN);
        }
        let message = outbox.take(after(5)).expect("it is due");
        let text = message.lines().join("\n");
        assert!(text.chars().count() < 4_000 && text.ends_with(&format!("and {} more", 1_000 - LINES_MAX)));
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn an_old_message_of_the_limit_gives_room_again() {
        let mut outbox = Outbox::default();
        for _ in 0..MESSAGES_MAX {
            outbox.push(alert(Topic::NoVpn, Turn::Raised, BEGIN), BEGIN);
            assert!(outbox.take(after(5)).is_some());
        }
        outbox.push(alert(Topic::NoVpn, Turn::Raised, after(10)), after(10));
        assert_eq!(outbox.due(), Some(after(5) + WINDOW));
    }

    #[test]
    fn what_is_critical_does_not_wait_behind_warnings_that_flap() {
        let mut outbox = Outbox::default();
        for second in 0..300 {
            let turn = if second % 2 == 0 { Turn::Raised } else { Turn::Resolved };
            outbox.push(alert(Topic::PortFlapping, turn, after(second)), after(second));
            outbox.take(after(second));
        }
        assert!(outbox.due() > Some(after(300) + GROUP_FOR), "warnings have to wait");
        outbox.push(alert(Topic::NoVpn, Turn::Raised, after(300)), after(300));
        assert_eq!(outbox.take(after(305)).map(|message| message.severity), Some(Severity::Critical));
        // It is over before it could be told: then it waits like everything else.
        outbox.push(alert(Topic::Passive, Turn::Raised, after(306)), after(306));
        outbox.push(alert(Topic::Passive, Turn::Resolved, after(307)), after(307));
        assert_eq!(outbox.take(after(320)), None);
    }
}
