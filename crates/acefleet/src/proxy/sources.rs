//! Channels of the operator's list, which can be played from several sources: from which one each is played now, and
//! what comes next when no engine can play that.
//!
//! Which source is better is said by `playlist::choice`; here is only who plays what.

use crate::playlist::channels::Channels;
use crate::playlist::choice::{self, Health};
use control::command::Content;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The sources of channels. A content that is not in the list is a channel with one source, itself.
#[derive(Debug)]
pub(super) struct Sources {
    channels: Option<Arc<Channels>>,
    health: Health,
    began: Instant,
    /// By the channel's first source.
    playing: BTreeMap<Content, Playing>,
}

#[derive(Debug)]
struct Playing {
    source: Content,
    /// What no engine could play since something was last delivered.
    failed: Vec<Content>,
}

impl Sources {
    /// Nothing is played, and nothing is known of what works.
    pub(super) fn new(channels: Option<Arc<Channels>>) -> Self {
        Self { channels, health: Health::default(), began: Instant::now(), playing: BTreeMap::new() }
    }

    /// The channel that this is a source of, by its first source.
    pub(super) fn channel_of(&self, content: &Content) -> Content {
        self.of(content).and_then(<[Content]>::first).unwrap_or(content).clone()
    }

    /// What a channel is played from now; if it is not played, it begins with what works best.
    pub(super) fn now(&mut self, channel: &Content) -> Content {
        if let Some(playing) = self.playing.get(channel) {
            return playing.source.clone();
        }
        let Some(sources) = self.of(channel) else { return channel.clone() };
        let source = choice::next(self.elapsed(), sources, &self.health, &[]).unwrap_or(channel).clone();
        self.playing.insert(channel.clone(), Playing { source: source.clone(), failed: Vec::new() });
        source
    }

    /// What a channel is played from, if it has several sources and is played.
    pub(super) fn played(&self, channel: &Content) -> Option<&Content> {
        self.playing.get(channel).map(|playing| &playing.source)
    }

    /// A channel is delivered.
    pub(super) fn worked(&mut self, channel: &Content) {
        let now = self.elapsed();
        if let Some(playing) = self.playing.get_mut(channel) {
            playing.failed.clear();
            self.health.worked(now, &playing.source);
        }
    }

    /// No engine can play this source of a channel. What it is played from instead, if anything is left to try.
    pub(super) fn failed(&mut self, channel: &Content, source: &Content) -> Option<Content> {
        let now = self.elapsed();
        let sources: Vec<_> = self.of(channel)?.to_vec();
        let playing = self.playing.get_mut(channel)?;
        // Somebody else who watches has been told before.
        if playing.source != *source {
            return Some(playing.source.clone());
        }
        if playing.failed.contains(source) {
            return None;
        }
        self.health.failed(now, source);
        playing.failed.push(source.clone());
        let next = choice::next(now, &sources, &self.health, &playing.failed)?;
        playing.source = next.clone();
        Some(next.clone())
    }

    /// A channel is played no more.
    pub(super) fn ended(&mut self, channel: &Content) {
        self.playing.remove(channel);
    }

    fn of(&self, content: &Content) -> Option<&[Content]> {
        self.channels.as_ref()?.sources(content)
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::command::KeyType;

    fn id(digit: char) -> Content {
        Content { kind: KeyType::ContentId, key: digit.to_string().repeat(40).into() }
    }

    fn listed() -> Sources {
        let [a, b, c] = ['a', 'b', 'c'].map(|digit| id(digit).key);
        let list = format!("#EXTM3U\n#EXTINF:-1,News\n{a}\n{b}\n#EXTINF:-1,Sports\n{c}\n");
        Sources::new(Some(Arc::new(Channels::parse(&list).expect("the list is fine"))))
    }

    #[test]
    fn a_channel_is_the_same_by_whichever_source_it_is_asked_for() {
        let sources = listed();
        assert_eq!(sources.channel_of(&id('b')), id('a'));
        assert_eq!(sources.channel_of(&id('f')), id('f'));
    }

    #[test]
    fn what_no_engine_can_play_is_followed_by_the_next_source_until_none_is_left() {
        let mut sources = listed();
        assert_eq!(sources.now(&id('a')), id('a'));
        assert_eq!(sources.failed(&id('a'), &id('a')), Some(id('b')));
        // The next viewer of the same channel hears of the same failure.
        assert_eq!(sources.failed(&id('a'), &id('a')), Some(id('b')));
        assert_eq!(sources.now(&id('a')), id('b'));
        assert_eq!(sources.failed(&id('a'), &id('b')), None);
    }

    #[test]
    fn a_channel_begins_with_what_worked_last() {
        let mut sources = listed();
        let first = sources.now(&id('a'));
        sources.failed(&id('a'), &first);
        sources.worked(&id('a'));
        sources.ended(&id('a'));
        assert_eq!(sources.now(&id('a')), id('b'));
    }

    #[test]
    fn a_content_that_is_in_no_list_has_nothing_to_fall_back_on() {
        let mut sources = listed();
        assert_eq!(sources.now(&id('f')), id('f'));
        assert_eq!(sources.failed(&id('f'), &id('f')), None);
    }
}
