//! What the model has beyond the roofline, one thing at a time.

/// A mechanism that takes a kernel away from its roofline. Each can be taken out, to see what it
/// explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// Time from one kernel to the next.
    Launch,
    /// Time to the first operands and from the last result.
    Ramp,
    /// Rates below the datasheet's.
    Achievable,
    /// Clocks that fall while a run lasts.
    Power,
    /// Pieces of work that come in whole waves over the units.
    Waves,
    /// Small tiles that fetch more than they multiply.
    Reuse,
    /// Steps of K, and tokens of context, in which nothing is multiplied yet.
    Fill,
    /// K cut into parts.
    Split,
    /// What the last-level cache keeps.
    Cache,
    /// Operands that come in tiles rather than in a stream.
    Tiles,
    /// Units that cannot draw more than their share of the bandwidth.
    Little,
    /// Pages of DRAM that open for pieces of a row.
    Pages,
    /// Exponentials between the two products of attention, which no format makes shorter.
    Softmax,
    /// Computing and moving that get in each other's way.
    Collisions,
}

impl Mechanism {
    /// All mechanisms, in the order in which the page on kernels derives them.
    pub const ALL: [Self; 14] = [
        Self::Achievable,
        Self::Power,
        Self::Launch,
        Self::Ramp,
        Self::Cache,
        Self::Waves,
        Self::Reuse,
        Self::Fill,
        Self::Split,
        Self::Tiles,
        Self::Little,
        Self::Pages,
        Self::Collisions,
        Self::Softmax,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Ramp => "ramp",
            Self::Achievable => "achievable",
            Self::Power => "power",
            Self::Waves => "waves",
            Self::Reuse => "reuse",
            Self::Fill => "fill",
            Self::Split => "split",
            Self::Cache => "cache",
            Self::Tiles => "tiles",
            Self::Little => "little",
            Self::Pages => "pages",
            Self::Collisions => "collisions",
            Self::Softmax => "softmax",
        }
    }

    /// The mechanism of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::{a100, figure};
    use super::super::{Device, cost_on};
    use super::*;
    use crate::model::{Dims, NAMED_OPERATORS};
    use crate::spec::Precision;
    use crate::units::{FlopsPerSecond, Seconds};

    #[test]
    fn names_are_found() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::of(mechanism.name()), Some(mechanism));
        }
        assert_eq!(Mechanism::of("luck"), None);
    }

    #[test]
    fn taking_one_out_matters_somewhere_and_some_only_ever_helped() {
        let mut gpu = a100();
        // No more than the datasheet's peak.
        gpu.compute.boost = Some(figure(0.05));
        gpu.compute.peak.fp8 = Some(figure(FlopsPerSecond(2.0 * 312e12)));
        gpu.memory.page = Some(figure(Seconds(1e-9)));
        let mut full = Device::of_gpu(&gpu);
        full.timing.pieces_of_k = Some(8);
        for mechanism in Mechanism::ALL {
            let without = full.without(mechanism);
            let helps = matches!(mechanism, Mechanism::Split | Mechanism::Cache);
            let mut differs = false;
            for named in &NAMED_OPERATORS {
                let sizes = [(1, 1), (128, 128), (3000, 3000)];
                let formats = [Precision::Fp8, Precision::Fp32];
                let all = sizes.iter().flat_map(|size| formats.map(|f| (*size, f)));
                for ((m, query), format) in all {
                    let dims = Dims {
                        m,
                        query,
                        batch: 2,
                        ..Dims::default()
                    };
                    let time = |device: &Device<'_>| -> f64 {
                        let operators = named.operators(&dims, format);
                        let cost = |op| cost_on(op, device).expect("supported").total_s(device);
                        operators.iter().map(cost).sum()
                    };
                    let (with, without) = (time(&full), time(&without));
                    differs |= with != without;
                    let slower = without >= with * (1.0 - 1e-12);
                    let faster = without <= with * (1.0 + 1e-12);
                    assert!(
                        if helps { slower } else { faster },
                        "{mechanism:?} {}",
                        named.name
                    );
                }
            }
            assert!(differs, "{mechanism:?}");
        }
    }
}
