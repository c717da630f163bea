//! D1 to D10 on the embedded runtime.

use super::lab::DockLab;
use sim::facts;

#[test]
fn d1_a_create_whose_caller_hung_up_is_carried_out_all_the_same() {
    facts::calls_outlive_their_callers(&mut DockLab::new());
}

#[test]
fn d2_an_engine_started_while_its_vpn_restarts_is_refused_and_stays_created() {
    facts::nothing_joins_the_network_of_a_restarting_vpn(&mut DockLab::new());
}

#[test]
fn d3_docker_restarts_a_dead_engine_only_while_its_vpn_runs() {
    facts::docker_restarts_an_engine_only_while_its_vpn_runs(&mut DockLab::new());
}

#[test]
fn d4_a_vpn_that_dies_comes_back_with_a_network_that_its_engines_are_not_in() {
    facts::a_vpn_that_dies_comes_back_without_its_engines(&mut DockLab::new());
}

#[test]
fn d5_a_restart_heals_an_engine_after_its_vpns_restart_and_not_after_its_recreation() {
    facts::a_restart_heals_an_engine_unless_its_vpn_is_another(&mut DockLab::new());
}

#[test]
fn d6_the_network_of_an_engine_is_a_name_only_if_its_vpn_did_not_exist() {
    facts::a_network_is_a_name_only_if_there_was_no_vpn(&mut DockLab::new());
}

#[test]
fn d7_the_engines_of_a_paused_vpn_stay_reachable() {
    facts::a_paused_vpn_keeps_its_network(&mut DockLab::new());
}

#[test]
fn d8_the_second_engine_on_one_port_flaps() {
    facts::the_second_engine_on_a_port_flaps(&mut DockLab::new());
}

#[test]
fn d9_an_engine_being_stopped_answers_until_it_is_killed_and_keeps_its_name() {
    facts::an_engine_being_stopped_answers_until_it_is_killed(&mut DockLab::new());
}

#[test]
fn d10_ids_and_start_times_agree_with_reachability() {
    facts::ids_and_start_times_tell_what_is_reachable(&mut DockLab::new());
}
