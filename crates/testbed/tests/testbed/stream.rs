//! The channel as a pure function, and what real decoders say of it.

use std::io::Write;
use std::process::{Command, Stdio};

use testbed::count::Counter;
use testbed::stream::{Channel, DEFAULT_BITS_PER_S, FRAMES, HEIGHT, PACKET, WIDTH};

use crate::tools::CHANNEL;

const NOON_MS: u64 = 1_763_726_400_000;

fn seconds(channel: &Channel, count: u64) -> Vec<u8> {
    let start = channel.second_of(channel.at(NOON_MS));
    channel.render(start..start + count * channel.packets_per_s()).to_vec()
}

/// Gives a program something to read and returns what it says, and what it complains of.
fn tell(program: &str, arguments: &[&str], input: &[u8]) -> (String, String) {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child =
        child.unwrap_or_else(|why| panic!("{program} is needed for this test (Debian: ffmpeg): {why}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // A program that has seen enough closes its end.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("an end");
    writer.join().expect("a writer that does not panic");
    let words = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    assert!(output.status.success(), "{program}: {}", words(output.stderr));
    (words(output.stdout), words(output.stderr))
}

#[test]
fn ffprobe_sees_the_video() {
    let bytes = seconds(&Channel::new(CHANNEL, DEFAULT_BITS_PER_S), 4);
    let wanted = ["-v", "error", "-select_streams", "v", "-show_entries"];
    let entries = "stream=codec_name,profile,width,height,avg_frame_rate,pix_fmt";
    let (said, complaints) =
        tell("ffprobe", &[&wanted[..], &[entries, "-of", "csv=p=0", "-"]].concat(), &bytes);
    let line = said.lines().next().unwrap_or_default();
    assert_eq!(line, format!("h264,Constrained Baseline,{WIDTH},{HEIGHT},yuv420p,{FRAMES}/1"));
    assert_eq!(complaints, "");
}

#[test]
fn ffmpeg_decodes_every_picture_without_a_complaint() {
    let bytes = seconds(&Channel::new(CHANNEL, DEFAULT_BITS_PER_S), 6);
    let arguments =
        ["-v", "warning", "-xerror", "-f", "mpegts", "-i", "-", "-map", "0:v", "-f", "framecrc", "-"];
    let (said, complaints) = tell("ffmpeg", &arguments, &bytes);
    let pictures = said.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(pictures, 6 * FRAMES as usize);
    let about_video = complaints.lines().filter(|line| line.contains("h264") || line.contains("corrupt"));
    assert_eq!(about_video.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn pictures_follow_each_other_without_a_break_over_any_number_of_seconds() {
    let channel = Channel::new(CHANNEL, 600_000);
    let mut counter = Counter::new();
    counter.feed(&seconds(&channel, 40));
    let seen = counter.seen();
    assert_eq!((seen.gaps, seen.repeats, seen.continuity_errors, seen.garbage), (0, 0, 0, 0), "{seen:?}");
}

#[test]
fn clocks_that_wrap_do_not_break_a_stream() {
    let channel = Channel::new(CHANNEL, 1_000_000);
    // A second before the clock of 33 bits has gone round for the thousandth time.
    let wraps = (1u64 << 33) * 1000 / 90_000;
    let start = channel.packets_per_s() * (wraps - 2);
    let bytes = channel.render(start..start + 5 * channel.packets_per_s());
    let arguments = ["-v", "error", "-f", "mpegts", "-i", "-", "-map", "0:v", "-f", "framecrc", "-"];
    let (said, complaints) = tell("ffmpeg", &arguments, &bytes);
    assert_eq!(said.lines().filter(|line| !line.starts_with('#')).count(), 5 * FRAMES as usize);
    assert_eq!(complaints, "");
}

/// The clock of each packet that has one, in ticks of 27 MHz, with when it is to be shown in ticks of 90 kHz.
fn clocks(bytes: &[u8]) -> Vec<(usize, u64, u64)> {
    let with_clock = |packet: &[u8]| {
        let has_one = packet[3] & 0x20 != 0 && packet[4] >= 7 && packet[5] & 0x10 != 0;
        let field = packet[6..12].iter().fold(0u64, |field, byte| field << 8 | u64::from(*byte));
        let at = 12 + 9;
        let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|place| u64::from(packet[at + place]));
        let shown = (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1;
        has_one.then_some(((field >> 15) * 300 + (field & 0x1ff), shown))
    };
    let packets = bytes.chunks(PACKET).enumerate();
    packets.filter_map(|(at, packet)| with_clock(packet).map(|(clock, shown)| (at, clock, shown))).collect()
}

#[test]
fn the_clock_runs_with_the_packets_and_pictures_are_sent_before_they_are_shown() {
    for bits in [1, 1_000_000, DEFAULT_BITS_PER_S] {
        let channel = Channel::new(CHANNEL, bits);
        let clocks = clocks(&seconds(&channel, 3));
        assert_eq!(clocks.len(), 3 * FRAMES as usize);
        let (begins, first, first_shown) = clocks[0];
        for (picture, (at, clock, shown)) in clocks.iter().enumerate() {
            let expected = (at - begins) as u64 * 27_000_000 / channel.packets_per_s();
            assert!((clock - first).abs_diff(expected) <= 1, "{at}: {clock} after {first}");
            assert_eq!(shown - first_shown, picture as u64 * 3600);
            assert!((9_000..=63_500).contains(&(shown - clock / 300)), "{picture}: {}", shown - clock / 300);
        }
    }
}

#[test]
fn a_channel_is_the_same_wherever_it_is_cut() {
    let channel = Channel::new(CHANNEL, DEFAULT_BITS_PER_S);
    let start = channel.at(NOON_MS);
    let whole = channel.render(start..start + 5000);
    let again = Channel::new(CHANNEL, DEFAULT_BITS_PER_S);
    let parts = [again.render(start..start + 1234), again.render(start + 1234..start + 5000)].concat();
    assert!(whole == parts, "the same packets have the same bytes");
}

#[test]
fn channels_differ_in_their_rate_and_keep_near_the_average() {
    let rates: Vec<u64> =
        (0..20).map(|n| Channel::new(&format!("{n}"), 4_000_000).bytes_per_s() * 8).collect();
    assert!(rates.iter().all(|rate| (3_500_000..4_500_000).contains(rate)), "{rates:?}");
    assert!(rates.iter().max() > rates.iter().min());
}

#[test]
fn the_smallest_channel_still_has_all_its_pictures() {
    let channel = Channel::new(CHANNEL, 1);
    let bytes = seconds(&channel, 3);
    assert_eq!(bytes.len() % PACKET, 0);
    let arguments =
        ["-v", "error", "-xerror", "-f", "mpegts", "-i", "-", "-map", "0:v", "-f", "framecrc", "-"];
    let (said, complaints) = tell("ffmpeg", &arguments, &bytes);
    assert_eq!(said.lines().filter(|line| !line.starts_with('#')).count(), 3 * FRAMES as usize);
    assert_eq!(complaints, "");
}
