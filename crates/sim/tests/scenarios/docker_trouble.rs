//! Docker freezes, refuses, loses its events or denies what it does, in the middle of every failover.

use crate::failovers::{FAILOVERS, five_and_five};
use sim::story::{GLUETUN, GLUETUN2, millis, secs};
use sim::world::DockerFault;
use std::time::Duration;

/// From the beginning of a failover to Docker's trouble: before anything is known, while it is noticed, while
/// engines are given up, after that.
const MOMENTS: [Duration; 8] =
    [millis(0), millis(3), millis(60), millis(700), millis(4_990), millis(5_150), secs(9), secs(35)];
/// Less than it takes to notice, longer than that, longer than DOCKER_TIMEOUT_S, longer than every wait of a
/// failover.
const LONG: [Duration; 4] = [secs(1), secs(8), secs(40), secs(100)];

fn in_the_middle_of_each_failover(trouble: DockerFault) {
    for failover in FAILOVERS {
        for moment in MOMENTS {
            for long in LONG {
                let mut story = five_and_five();
                story.chapter(format!("{trouble:?} for {long:?}, {moment:?} into {failover:?}"));
                failover.befalls(&mut story);
                story.pass(moment);
                story.docker().suffers_for(long, trouble);
                failover.ends_well(&mut story);
                story.now().carriers_on(GLUETUN, 1).carriers_on(GLUETUN2, 1);
                // A name is held until somebody confirms that its container is gone; a Docker that denies
                // does not.
                if trouble != DockerFault::DeniesAndDoes {
                    // Of each VPN whose port is another one, the new carrier comes before the old one goes.
                    story.now().no_number_above(10 + failover.vpns());
                }
            }
        }
    }
}

#[test]
fn docker_freezes_in_the_middle_of_each_failover() {
    in_the_middle_of_each_failover(DockerFault::Frozen);
}

#[test]
fn docker_refuses_everybody_in_the_middle_of_each_failover() {
    in_the_middle_of_each_failover(DockerFault::Refuses);
}

#[test]
fn docker_loses_its_events_in_the_middle_of_each_failover() {
    in_the_middle_of_each_failover(DockerFault::StreamCut);
}

#[test]
fn docker_denies_what_it_does_in_the_middle_of_each_failover() {
    in_the_middle_of_each_failover(DockerFault::DeniesAndDoes);
}

#[test]
fn docker_is_slow_in_the_middle_of_each_failover() {
    in_the_middle_of_each_failover(DockerFault::Slow);
}
