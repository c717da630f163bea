//! Named scenarios: what is promised for a failure of the world, told as it happens.

mod adoption;
mod cold_start;
mod contradictions;
mod crashes;
mod docker_trouble;
mod double_check;
mod exit_recovery;
mod failovers;
mod incident;
mod inventions;
mod naming_and_ports;
mod nuisances;
mod reproducible;
mod tunnel;
mod unknown_fates;
mod vpn_gone;
