//! Named scenarios: what is promised for a failure of the world, told as it happens.
//!
//! What the mission's documents promise, and where it is told:
//!
//! - port-change-handling, the engine is hidden and replaced, and nobody else is touched:
//!   `carriers::a_port_that_changes_…`; streams on the old engine: `carriers::a_change_while_everybody_is_watched_…`.
//! - emergency-port-tracking-and-naming, ports: `naming_and_ports::another_port_after_a_recovery_…`,
//!   `carriers::a_tunnel_that_comes_back_with_another_port_…`; names: `naming_and_ports::a_gap_in_the_names_…`,
//!   `naming_and_ports::no_name_ever_goes_above_…`.
//! - vpn-exit-recovery, Docker's silence: `docker_trouble`; assignments: `adoption::a_restart_touches_no_engine_…`;
//!   balance: `health::five_and_one_become_three_and_three_…`, `vpn_gone::a_killed_vpn_comes_back_…`.
//! - gluetun-enhancements, in `naming_and_ports`: `the_host_of_an_engine_…`, `there_are_never_more_engines_than_…`,
//!   `exactly_one_engine_of_each_vpn_…`, `vpns_without_a_range_…`.
//! - connectivity-double-check, scenarios 1 to 3 and the test cases: `double_check`.
//! - The incident of the contract: `incident`.

mod adoption;
mod carriers;
mod cold_start;
mod contradictions;
mod crashes;
mod docker_trouble;
mod double_check;
mod exit_recovery;
mod failovers;
mod health;
mod incident;
mod inventions;
mod leaving;
mod naming_and_ports;
mod nuisances;
mod reproducible;
mod requests;
mod tunnel;
mod unknown_fates;
mod viewers;
mod vpn_gone;
