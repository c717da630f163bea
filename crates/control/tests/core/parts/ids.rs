//! Ids: what is printed can be read again, and nothing else can.

use control::ids::{ContainerId, Name, OpId, SandboxId, SpecHash};
use control::rng::Rng;

/// An id as Docker writes it.
const DIGITS: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn an_id_is_read_and_printed_as_docker_writes_it() {
    let id = ContainerId::parse(DIGITS).expect("it is one");
    assert_eq!(id.to_string(), DIGITS);
    assert_eq!(id.as_bytes()[..3], [0x01, 0x23, 0x45]);
    assert_eq!(ContainerId::from_bytes(*id.as_bytes()), id);
    assert_eq!(ContainerId::parse(&DIGITS.to_uppercase()), Some(id));
    assert_eq!(SandboxId::parse(DIGITS).map(|id| id.to_string()).as_deref(), Some(DIGITS));
}

#[test]
fn an_id_can_be_shortened_as_docker_shortens_it() {
    let id = ContainerId::parse(DIGITS).expect("it is one");
    assert_eq!(format!("{id:.12}"), "0123456789ab");
    assert_eq!(format!("{id:.1}{id:.0}"), "0");
    assert_eq!(format!("{id:.99}"), DIGITS);
    assert_eq!(format!("{id:?}"), "0123456789ab");
}

#[test]
fn what_is_not_64_hexadecimal_digits_is_no_id() {
    for odd in [
        String::new(),
        DIGITS[1..].to_string(),
        format!("{DIGITS}0"),
        DIGITS.replacen('0', "g", 1),
        DIGITS.replacen('0', " ", 1),
        DIGITS.replacen('0', "+", 1),
        // As many bytes, but not as many digits.
        DIGITS.replacen("01", "é", 1),
    ] {
        assert_eq!(ContainerId::parse(&odd), None, "{odd:?}");
    }
}

#[test]
fn every_operation_id_is_read_as_it_was_printed() {
    let mut rng = Rng::new(3);
    let drawn = (0..1_000).map(|_| (rng.bits() as u32, rng.bits()));
    let extremes = [(0, 0), (u32::MAX, u64::MAX), (1, u64::MAX), (0xabc, 10)];
    for (life, seq) in drawn.chain(extremes) {
        let op = OpId { life, seq };
        assert_eq!(OpId::parse(&op.to_string()), Some(op), "{op}");
    }
    assert_eq!(OpId { life: 0xabc, seq: 42 }.to_string(), "00000abc-42");
}

#[test]
fn what_is_printed_otherwise_is_no_operation_id() {
    for odd in [
        "",
        "-",
        "00000abc",
        "00000abc-",
        "-42",
        "abc-42",
        "00000ABC-42",
        "00000abc-042",
        "00000abc-+42",
        "+0000abc-42",
        "00000abc-42 ",
        "00000abc-42-1",
        "00000abc--42",
        "00000abc-18446744073709551616",
        "100000000-1",
    ] {
        assert_eq!(OpId::parse(odd), None, "{odd:?}");
    }
}

#[test]
fn operations_are_ordered_by_life_and_then_by_number() {
    let op = |life, seq| OpId { life, seq };
    assert!(op(1, 9) < op(1, 10) && op(1, 10) < op(2, 1));
}

#[test]
fn names_and_hashes_are_printed_as_they_are() {
    let name = Name::from("gluetun");
    assert_eq!(
        (name.as_str(), name.to_string(), format!("{name:>9}")),
        ("gluetun", "gluetun".into(), "  gluetun".into())
    );
    assert_eq!(SpecHash(0xfeed).to_string(), "000000000000feed");
}
