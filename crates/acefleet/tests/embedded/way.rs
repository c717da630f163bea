//! The way between the program and the dock, which can be shut, blocked, and cut. Nobody else takes it.

use testbed::dock::Dock;

/// What happens to whatever comes along.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Passage {
    /// It passes.
    Free,
    /// Questions pass, and answers do not come until it is free again.
    AnswersHeld,
    /// Connections are refused, and those that there were are cut.
    Refused,
}

/// The way to a dock.
pub(crate) struct Way(Dock);

impl Way {
    /// The way to this dock.
    pub(crate) fn to(dock: &Dock) -> Self {
        Self(dock.clone())
    }

    /// What the program is told to take it: there is no other.
    pub(crate) fn settings(&self) -> [(&'static str, String); 0] {
        []
    }

    /// What happens from now on to whatever comes along.
    pub(crate) fn set(&self, passage: Passage) {
        self.0.go_away(passage == Passage::Refused);
        self.0.hold_answers(passage == Passage::AnswersHeld);
    }

    /// Cuts every connection that there is now; new ones may come.
    pub(crate) fn cut(&self) {
        self.0.cut_connections();
    }
}
