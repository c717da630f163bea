//! What a container takes of the machine: two samples of Docker's counters, and what passed between them.

use super::Docker;
use super::daemon::Call;
use crate::runtime::{Failure, Usage};
use control::event::Refusal;
use control::ids::ContainerId;
use serde::Deserialize;
use std::time::Duration;
use tokio::time::sleep;

/// Between the samples. Docker's own pause is longer than anybody waits for a page.
const BETWEEN: Duration = Duration::from_millis(500);

/// What is read of a sample. A container that does not run has next to nothing in it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Sample {
    cpu_stats: Cpu,
    memory_stats: Memory,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cpu {
    cpu_usage: CpuUsage,
    system_cpu_usage: Option<u64>,
    online_cpus: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CpuUsage {
    total_usage: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Memory {
    usage: Option<u64>,
    limit: Option<u64>,
    stats: MemoryStats,
}

/// Pages that the kernel could drop: the first is what the older cgroups call it, the second the newer ones.
#[derive(Deserialize, Default)]
#[serde(default)]
struct MemoryStats {
    total_inactive_file: Option<u64>,
    inactive_file: Option<u64>,
}

pub(super) async fn of(docker: &Docker, id: ContainerId) -> Result<Usage, Failure> {
    let before = sample(docker, id).await?;
    sleep(BETWEEN).await;
    Ok(between(&before, &sample(docker, id).await?))
}

async fn sample(docker: &Docker, id: ContainerId) -> Result<Sample, Failure> {
    let call = Call::get(format!("/containers/{id}/stats?stream=false&one-shot=true"));
    let answer = docker.daemon.ask(call).await?;
    serde_json::from_slice(&answer.body).map_err(|wrong| {
        Failure::Refused(Refusal::Unexplained(format!("its statistics cannot be read: {wrong}").into()))
    })
}

#[allow(clippy::cast_precision_loss, reason = "a percentage for people")]
fn between(before: &Sample, after: &Sample) -> Usage {
    let (old, new) = (&before.cpu_stats, &after.cpu_stats);
    let cpu_percent = old.system_cpu_usage.zip(new.system_cpu_usage).and_then(|(old_system, new_system)| {
        let passed = new_system.checked_sub(old_system).filter(|passed| *passed > 0)?;
        let used = new.cpu_usage.total_usage.checked_sub(old.cpu_usage.total_usage)?;
        Some(used as f64 * new.online_cpus? as f64 / passed as f64 * 100.0)
    });
    let memory = &after.memory_stats;
    let droppable = memory.stats.total_inactive_file.or(memory.stats.inactive_file).unwrap_or(0);
    Usage {
        cpu_percent,
        memory_bytes: memory.usage.map(|usage| usage.saturating_sub(droppable)),
        memory_limit_bytes: memory.limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn sample(value: Value) -> Sample {
        serde_json::from_value(value).expect("it can be read")
    }

    #[test]
    fn what_passed_between_two_samples_is_told_of_one_processor() {
        let at = |used: u64, system: u64| {
            let cpu = json!({
                "cpu_usage": { "total_usage": used }, "system_cpu_usage": system, "online_cpus": 2,
            });
            let memory = json!({ "usage": 5_000, "limit": 9_000, "stats": { "inactive_file": 1_000 } });
            sample(json!({ "cpu_stats": cpu, "memory_stats": memory }))
        };
        let usage = between(&at(1_000, 10_000), &at(1_250, 11_000));
        assert_eq!(usage.cpu_percent, Some(50.0));
        assert_eq!((usage.memory_bytes, usage.memory_limit_bytes), (Some(4_000), Some(9_000)));
    }

    #[test]
    fn of_a_container_that_does_not_run_nothing_is_told() {
        let empty = || sample(json!({ "cpu_stats": {}, "memory_stats": {} }));
        assert_eq!(between(&empty(), &empty()), Usage::default());
    }

    #[test]
    fn counters_that_began_anew_between_the_samples_tell_nothing_of_the_processor() {
        let at = |used: u64, system: u64| {
            let cpu = json!({
                "cpu_usage": { "total_usage": used }, "system_cpu_usage": system, "online_cpus": 1,
            });
            sample(json!({ "cpu_stats": cpu }))
        };
        assert_eq!(between(&at(9_000, 10_000), &at(10, 11_000)).cpu_percent, None);
    }
}
