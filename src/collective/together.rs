//! Several groups at once.

use super::plan::CollectivePlan;
use crate::engine::{Options, Program, Static, run};
use crate::fabric::Fabric;
use crate::spec::Diagnostic;

/// Time until the last of some collectives has ended that begin together on a fabric \[s\]: they
/// share what they have in common.
///
/// # Errors
/// One needs a wire without capacity.
pub fn together(fabric: &Fabric, plans: &[CollectivePlan]) -> Result<f64, Diagnostic> {
    let mut program = Program::default();
    for resource in &fabric.resources {
        program.add_resource(resource.clone());
    }
    for plan in plans {
        program.add(&plan.activity());
    }
    let options = Options {
        record: false,
        ..Options::default()
    };
    let trace = run(&mut Static(&program), &options);
    trace
        .map(|trace| trace.makespan)
        .map_err(|e| Diagnostic::new(e.to_string()))
}
