//! Names: the lowest free number, and which names have one at all.

use control::ids::Name;
use control::policy::naming::{Numbers, number};
use control::rng::Rng;

fn taken(numbers: &[u32]) -> Numbers {
    let mut taken = Numbers::default();
    for number in numbers {
        taken.take(&Name::from(format!("acestream-{number}").as_str()));
    }
    taken
}

#[test]
fn the_next_engine_gets_the_lowest_number_that_nobody_has() {
    let table: [(&[u32], u32); 8] = [
        (&[], 1),
        (&[1], 2),
        (&[2], 1),
        // The mission's own example: eight engines, and not acestream-11.
        (&[1, 2, 4, 5, 6, 8, 9, 10], 3),
        (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 11),
        (&[1, 2, 4, 5, 6, 7, 8, 9, 10], 3),
        (&[3, 2, 1], 4),
        (&[7, 100, u32::MAX], 1),
    ];
    for (numbers, expected) in table {
        let name = taken(numbers).lowest_free();
        assert_eq!(name.as_str(), format!("acestream-{expected}"), "taken are {numbers:?}");
    }
}

#[test]
fn gaps_are_filled_one_after_the_other_before_numbers_grow() {
    let mut numbers = taken(&[1, 4, 6]);
    let names: Vec<_> = (0..5).map(|_| numbers.lowest_free().to_string()).collect();
    assert_eq!(names, ["acestream-2", "acestream-3", "acestream-5", "acestream-7", "acestream-8"]);
}

#[test]
fn no_number_is_ever_greater_than_the_count_of_those_taken_plus_one() {
    let mut rng = Rng::new(1);
    for _ in 0..200 {
        let drawn: Vec<_> =
            (0..rng.below(30)).filter_map(|_| u32::try_from(1 + rng.below(25)).ok()).collect();
        let name = taken(&drawn).lowest_free();
        let given = number(&name).expect("a name that we give has a number");
        assert!(!drawn.contains(&given), "{given} is taken: {drawn:?}");
        assert!(
            (1..given).all(|lower| drawn.contains(&lower)),
            "there is a lower one than {given}: {drawn:?}"
        );
    }
}

#[test]
fn only_a_name_that_we_would_give_has_a_number() {
    assert_eq!(number(&"acestream-1".into()), Some(1));
    assert_eq!(number(&"acestream-10".into()), Some(10));
    assert_eq!(number(&"acestream-4294967295".into()), Some(u32::MAX));
    for odd in [
        "acestream-",
        "acestream-0",
        "acestream-07",
        "acestream-00",
        "acestream-+7",
        "acestream--7",
        "acestream- 7",
        "acestream-7 ",
        "acestream-7a",
        "acestream-1.5",
        "acestream-4294967296",
        "acestream-99999999999999999999",
        "acestream-٧",
        "Acestream-7",
        "my-acestream-7",
        "acestream7",
        "acestream_7",
        "gluetun",
        "",
    ] {
        assert_eq!(number(&odd.into()), None, "{odd:?}");
    }
}

#[test]
fn an_odd_name_takes_no_number() {
    let mut numbers = Numbers::default();
    for odd in ["acestream-01", "acestream-", "someone-1", "gluetun"] {
        numbers.take(&odd.into());
    }
    assert_eq!(numbers.lowest_free().as_str(), "acestream-1");
}
