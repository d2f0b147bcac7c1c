//! Kernels that run one after the other on an otherwise idle device.

use super::{Bound, Device, KernelCost, Moved, Tiling, Unsupported, cost_on};
use crate::model::Operator;

/// What some operators take and do, one after the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Time, starts and ends included \[s\].
    pub time_s: f64,
    /// Useful operations \[FLOP\].
    pub flops: f64,
    /// What is moved.
    pub moved: Moved,
    /// What decides how long the longest of them takes.
    pub bound: Bound,
    /// How the longest of them is cut; `None` where it is no product.
    pub tiling: Option<Tiling>,
}

impl Prediction {
    /// Predicts operators that wait for each other.
    ///
    /// # Errors
    /// The device cannot compute in the format of one.
    pub fn of(operators: &[Operator], device: &Device<'_>) -> Result<Self, Unsupported> {
        let mut all = Self {
            time_s: 0.0,
            flops: 0.0,
            moved: Moved {
                vram: 0.0,
                cache: 0.0,
            },
            bound: Bound::Launch,
            tiling: None,
        };
        let mut longest: Option<(f64, KernelCost)> = None;
        for operator in operators {
            let cost = cost_on(operator, device)?;
            let time_s = cost.total_s(device);
            all.time_s += time_s;
            all.flops += cost.flops;
            all.moved.vram += cost.moved.vram;
            all.moved.cache += cost.moved.cache;
            // Of equals the last.
            if longest.is_none_or(|(most, _)| time_s >= most) {
                longest = Some((time_s, cost));
            }
        }
        if let Some((_, cost)) = longest {
            all.bound = cost.bound(device);
            all.tiling = cost.tiling;
        }
        Ok(all)
    }

    /// Useful operations for each byte moved \[FLOP/B\]; 0 where nothing is.
    pub fn intensity(&self) -> f64 {
        let moved = self.moved.total();
        if moved > 0.0 { self.flops / moved } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::a100;
    use super::*;
    use crate::model::{Dims, Named};
    use crate::spec::Precision;

    #[test]
    fn a_growing_sum_waits_for_its_launch_then_for_the_cache_then_for_memory() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let bound = |m| {
            let dims = Dims {
                m,
                ..Dims::default()
            };
            let add = Named::of("add").expect("known");
            let operators = add.operators(&dims, Precision::Fp16);
            Prediction::of(&operators, &device)
                .expect("supported")
                .bound
        };
        assert_eq!(bound(16), Bound::Launch);
        assert_eq!(bound(800), Bound::Cache);
        assert_eq!(bound(8000), Bound::Vram);
    }

    #[test]
    fn kernels_add_up_and_the_longest_says_what_binds() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let of = |name, m| {
            let dims = Dims {
                m,
                ..Dims::default()
            };
            let named = Named::of(name).expect("known");
            named.operators(&dims, Precision::Fp16)
        };
        let (add, gemm) = (of("add", 16), of("gemm", 4096));
        let alone = [&add, &gemm].map(|ops| Prediction::of(ops, &device).expect("supported"));
        let both = Prediction::of(&[gemm, add].concat(), &device).expect("supported");
        assert_eq!(both.time_s, alone[1].time_s + alone[0].time_s);
        assert_eq!(both.flops, alone[1].flops + alone[0].flops);
        assert_eq!((both.bound, both.tiling), (Bound::Compute, alone[1].tiling));
        assert!(both.tiling.is_some() && alone[0].tiling.is_none());
        let total = both.moved.total();
        assert_eq!(both.intensity(), both.flops / total);
        let none = Prediction::of(&[], &device).expect("nothing to do");
        assert_eq!((none.time_s, none.intensity()), (0.0, 0.0));
    }
}
