//! What the core has not been told yet. Bounded by what there is: a viewer who has come and gone untold was never
//! there, and of a session the last word counts, and that it has delivered at all.

use super::SessionRef;
use control::Event;
use control::command::Content;
use control::ids::ViewerId;
use std::collections::{BTreeMap, BTreeSet};

/// What is said of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// It delivers.
    Spoke,
    /// It has delivered nothing for a while.
    Silent,
    /// It has ended or broken, and nothing more is said of it.
    Broke,
}

/// What the core has not been told yet.
#[derive(Default, Debug)]
pub(super) struct News {
    came: BTreeMap<ViewerId, (Content, bool)>,
    left: BTreeSet<ViewerId>,
    sessions: BTreeMap<SessionRef, Said>,
}

/// What is to be told of a session.
#[derive(Clone, Copy, Debug)]
struct Said {
    /// It has delivered, which is told before the last word: a session that is silent or has ended is another thing
    /// when it never has.
    spoke: bool,
    last: Word,
}

impl News {
    pub(super) fn is_empty(&self) -> bool {
        self.came.is_empty() && self.left.is_empty() && self.sessions.is_empty()
    }

    /// Viewers who have left and of whom the core still thinks that they are there.
    pub(super) fn leaving(&self) -> usize {
        self.left.len()
    }

    /// `sees`: he is being sent what an earlier core chose.
    pub(super) fn came(&mut self, viewer: ViewerId, content: Content, sees: bool) {
        self.came.insert(viewer, (content, sees));
    }

    pub(super) fn left(&mut self, viewer: ViewerId) {
        if self.came.remove(&viewer).is_none() {
            self.left.insert(viewer);
        }
    }

    /// The core does not know him any more.
    pub(super) fn refused(&mut self, viewer: ViewerId) {
        self.left.remove(&viewer);
    }

    pub(super) fn of_session(&mut self, session: SessionRef, word: Word) {
        let said = self.sessions.entry(session).or_insert(Said { spoke: false, last: word });
        if said.last != Word::Broke {
            said.last = word;
            said.spoke |= word == Word::Spoke;
        }
    }

    /// The next thing to tell, of whatever build: who has gone first, so that his seat is free for who has come.
    pub(super) fn next(&mut self, build: u64) -> Option<Event> {
        if let Some(viewer) = self.left.pop_first() {
            return Some(Event::ViewerLeft(viewer));
        }
        while let Some((session, said)) = self.sessions.pop_first() {
            if session.build != build {
                continue;
            }
            if said.spoke && said.last != Word::Spoke {
                self.sessions.insert(session, Said { spoke: false, ..said });
                return Some(Event::SessionSpoke(session.id));
            }
            return Some(match said.last {
                Word::Spoke => Event::SessionSpoke(session.id),
                Word::Silent => Event::SessionSilent(session.id),
                Word::Broke => Event::SessionBroke(session.id),
            });
        }
        let (viewer, (content, sees)) = self.came.pop_first()?;
        Some(Event::ViewerCame { viewer, content, sees })
    }

    /// What was to be told to the core before means nothing to this one.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use control::command::KeyType;
    use control::ids::SessionId;

    fn content() -> Content {
        Content { kind: KeyType::ContentId, key: "a".into() }
    }

    fn all(news: &mut News, build: u64) -> Vec<Event> {
        std::iter::from_fn(|| news.next(build)).collect()
    }

    #[test]
    fn who_has_come_and_gone_untold_was_never_there() {
        let mut news = News::default();
        news.came(ViewerId(1), content(), false);
        news.left(ViewerId(1));
        assert_eq!(all(&mut news, 1), []);
    }

    #[test]
    fn who_has_gone_is_told_before_who_has_come() {
        let mut news = News::default();
        news.came(ViewerId(2), content(), false);
        news.left(ViewerId(1));
        let came = Event::ViewerCame { viewer: ViewerId(2), content: content(), sees: false };
        assert_eq!(all(&mut news, 1), [Event::ViewerLeft(ViewerId(1)), came]);
    }

    #[test]
    fn of_a_session_the_last_word_is_told_and_nothing_after_its_end() {
        let mut news = News::default();
        let session = |id| SessionRef { build: 3, id: SessionId(id) };
        news.of_session(session(1), Word::Silent);
        news.of_session(session(1), Word::Spoke);
        news.of_session(session(2), Word::Broke);
        news.of_session(session(2), Word::Spoke);
        let told = [Event::SessionSpoke(SessionId(1)), Event::SessionBroke(SessionId(2))];
        assert_eq!(all(&mut news, 3), told);
    }

    #[test]
    fn that_a_session_has_delivered_is_told_whatever_became_of_it() {
        let mut news = News::default();
        let session = |id| SessionRef { build: 3, id: SessionId(id) };
        news.of_session(session(1), Word::Spoke);
        news.of_session(session(1), Word::Silent);
        news.of_session(session(2), Word::Spoke);
        news.of_session(session(2), Word::Broke);
        news.of_session(session(3), Word::Silent);
        let [one, two, three] = [1, 2, 3].map(SessionId);
        let spoke = [Event::SessionSpoke(one), Event::SessionSilent(one)];
        let broke = [Event::SessionSpoke(two), Event::SessionBroke(two)];
        assert_eq!(all(&mut news, 3), [&spoke[..], &broke, &[Event::SessionSilent(three)]].concat());
    }

    #[test]
    fn a_core_is_not_told_of_sessions_of_another() {
        let mut news = News::default();
        news.of_session(SessionRef { build: 1, id: SessionId(1) }, Word::Broke);
        assert_eq!(all(&mut news, 2), []);
    }
}
