//! The answer to "why", in one sentence.

use super::{Case, Comparison};
use crate::analysis::{DeviceMemory, Outcome};
use crate::fabric::ResourceKind;
use crate::units::{bytes_iec, duration, factor, percent};

/// What one case waits for, and what would change it.
pub fn of_case(case: &Case<'_>) -> String {
    let outcome = &case.outcome;
    if let Some(device) = outcome.memory.iter().find(|device| !device.fits()) {
        return does_not_fit(device);
    }
    let mut text = capitalised(&waits(outcome));
    match outcome.upgrade {
        Some(upgrade) => {
            text.push_str(&format!(
                "; {} as much of it would make the step {} faster, and then the bottleneck is {}",
                factor(upgrade.factor),
                factor(outcome.step_s / upgrade.step_s),
                upgrade.then.noun()
            ));
        }
        None => text.push_str("; no upgrade of it that could be bought moves the bottleneck"),
    }
    text.push('.');
    text
}

/// Which machine is faster, and what each waits for.
pub fn of_comparison(comparison: &Comparison<'_>) -> String {
    let cases = &comparison.cases;
    let name = |case: &Case<'_>| case.fabric.topology.name.clone();
    let fitting = || cases.iter().filter(|case| case.outcome.fits());
    if let Some(case) = cases.iter().find(|case| !case.outcome.fits()) {
        let device = case.outcome.memory.iter().find(|device| !device.fits());
        let why = device.map_or_else(String::new, does_not_fit);
        return format!("{} cannot run it: {why}", name(case));
    }
    let by_time = |a: &&Case<'_>, b: &&Case<'_>| a.outcome.step_s.total_cmp(&b.outcome.step_s);
    let (Some(fastest), Some(slowest)) = (fitting().min_by(by_time), fitting().max_by(by_time))
    else {
        return String::new();
    };
    let ratio = slowest.outcome.step_s / fastest.outcome.step_s;
    if cases.len() < 2 {
        return of_case(fastest);
    }
    if ratio < 1.02 {
        return format!(
            "{} and {} take the same time: on both, {}.",
            name(&cases[0]),
            name(&cases[1]),
            waits(&fastest.outcome)
        );
    }
    format!(
        "{} is {} faster than {} ({} against {}): on {}, {}; on {}, {}.",
        name(fastest),
        factor(ratio),
        name(slowest),
        duration(fastest.outcome.step_s),
        duration(slowest.outcome.step_s),
        name(slowest),
        waits(&slowest.outcome),
        name(fastest),
        waits(&fastest.outcome),
    )
}

/// "the GPUs wait 61 % of the step for PCIe (cpu0→plx0)".
fn waits(outcome: &Outcome) -> String {
    let bottleneck = &outcome.bottleneck;
    let share = percent(bottleneck.share);
    let noun = bottleneck.kind.noun();
    match bottleneck.kind {
        ResourceKind::Compute => format!("the GPUs calculate {share} of the step"),
        ResourceKind::Idle => format!("nothing can run for {share} of the step"),
        ResourceKind::Latency => format!("the GPUs wait {share} of the step for {noun}"),
        _ => format!(
            "the GPUs wait {share} of the step for {noun} ({})",
            bottleneck.resource
        ),
    }
}

/// Who needs what on a device that is too small.
pub fn does_not_fit(device: &DeviceMemory) -> String {
    let accounts: Vec<String> = device
        .accounts
        .iter()
        .map(|(account, bytes)| format!("{} {}", account.key(), bytes_iec(*bytes)))
        .collect();
    let when = device.overflow.map_or_else(String::new, |(time, phase)| {
        format!(", first exceeded at t={} of the {phase}", duration(time))
    });
    format!(
        "out of memory on {}: {} needed, {} there{when} ({})",
        device.device,
        bytes_iec(device.peak_bytes),
        bytes_iec(device.capacity_bytes),
        accounts.join(", ")
    )
}

/// The text with a capital first letter.
pub(super) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().collect::<String>() + chars.as_str(),
        None => String::new(),
    }
}
